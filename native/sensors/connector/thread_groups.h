#pragma once

#include <cstddef>
#include <cstdint>

#include "pid_table.h"

namespace process_ancestry::connector {

// Which threads of each process live, to separate the exit of a process from the exit of a thread. Has only
// processes with more than one thread. Pure. Repeated events do no harm.
class ThreadGroups {
 public:
  // A process that already had these threads (without its leader) before the first event. An exited leader is
  // a zombie until its threads exit; its exit event may still come.
  void seed(int32_t tgid, bool leader_lives, const int32_t* tids, size_t count);
  void thread_started(int32_t tgid, int32_t tid);
  // A new process: the state of an earlier process with this pid is dropped.
  void process_started(int32_t tgid);
  // After an exec only the leader is left: the thread that executed has taken over the leader's pid.
  void exec(int32_t tgid);
  // True if it was the last thread of its process, so the process has exited.
  bool exited(int32_t tgid, int32_t tid);

  void clear();
  // The number of known threads, without leaders.
  size_t threads() const { return threads_.size(); }
  size_t groups() const { return groups_.size(); }

 private:
  enum class Leader : uint8_t { kLives, kExited, kZombieWhenSeeded };
  struct Group {
    int32_t first = 0;  // the first thread; Thread::next links the others
    uint32_t count = 0;
    Leader leader = Leader::kLives;
  };
  struct Thread {
    int32_t tgid = 0, previous = 0, next = 0;
  };

  void unlink(int32_t tid);
  void forget(int32_t tgid);

  PidTable<Thread> threads_;  // by tid
  PidTable<Group> groups_;    // by tgid; each has at least one thread
};

}  // namespace process_ancestry::connector
