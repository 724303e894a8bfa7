#pragma once

#include <cstddef>
#include <cstdint>

#include "pid_table.h"

namespace process_ancestry::connector {

// Which threads of which process live, to tell the exit of a process from the exit of one of its threads.
// Only processes that have more than one thread are in here. Pure, and indifferent to hearing the same thing
// twice.
class ThreadGroups {
 public:
  // A process that already had these threads (its leader not among them) when we began to listen. A leader
  // that has exited stays as a zombie until the others have; the kernel's word of it may still be under way.
  void seed(int32_t tgid, bool leader_lives, const int32_t* tids, size_t count);
  void thread_started(int32_t tgid, int32_t tid);
  // A new process: whatever had this pid before is gone.
  void process_started(int32_t tgid);
  // After an exec only the leader is left; the thread that did it has taken over the leader's pid.
  void exec(int32_t tgid);
  // True if that was the last thread of its process, that is, if the process has exited.
  bool exited(int32_t tgid, int32_t tid);

  void clear();
  // Threads that are known, leaders not counted.
  size_t threads() const { return threads_.size(); }
  size_t groups() const { return groups_.size(); }

 private:
  enum class Leader : uint8_t { kLives, kExited, kZombieWhenSeeded };
  struct Group {
    int32_t first = 0;  // thread; the others follow by Thread::next
    uint32_t count = 0;
    Leader leader = Leader::kLives;
  };
  struct Thread {
    int32_t tgid = 0, previous = 0, next = 0;
  };

  void unlink(int32_t tid);
  void forget(int32_t tgid);

  PidTable<Thread> threads_;  // by tid
  PidTable<Group> groups_;    // by tgid; each has a thread
};

}  // namespace process_ancestry::connector
