#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../../procfs/cgroup.h"
#include "../../procfs/proc_dir.h"
#include "../../unique_fd.h"
#include "../connector/pid_table.h"

namespace process_ancestry {

// Tracks which processes may have been moved to another control group after their creation, and so are not in
// their creator's group. No audit or connector event reports a move. But fanotify reports each write to a
// cgroup.procs, and the writer. CLONE_INTO_CGROUP makes no such write.
class CgroupMoves {
 public:
  // How long a writer may still move the processes that it created.
  static constexpr double kMoverMs = 10000;

  explicit CgroupMoves(const procfs::ProcDir& proc) : proc_(proc) {}

  // Returns 0 or an errno.
  int open();
  void close() {
    events_.reset();
    watches_ = false;
  }
  int fd() const { return events_.get(); }
  // Takes the waiting writes. Processes forked since the last call inherit the moves of their creators.
  void drain(double now_ms);

  // A new process: the state of an earlier process with this pid is dropped. If its creator was moved, the
  // fork may have been before or after the move.
  void forked(int32_t pid, int32_t creator);
  // The control group was read at the exec. Later children are in the same group.
  void was_read(int32_t pid);
  // Whether a process whose control group was not read may be in another group than its creator.
  bool may_have_moved(int32_t pid, int32_t creator, double now_ms);

  // The control group of a process that was just moved; empty if unknown.
  std::string_view moved_to(int32_t pid);

  // All writes are reported from now on.
  void watches_all() { watches_ = true; }
  void wrote(int32_t writer, double now_ms);
  // The process is in the target of a move. `cgroup` is its group in /proc.
  void is_in_target(int32_t pid, std::string_view cgroup);
  // Some writes were lost: any process may have been moved.
  void missed_some(double now_ms);

 private:
  static constexpr size_t kMost = 1 << 14;
  static constexpr int32_t kInit = 1, kPidsEnd = 1 << 22;  // include/linux/threads.h, PID_MAX_LIMIT

  struct Fork {
    int32_t pid, creator;
  };

  bool has_moved(int32_t pid) const;
  void set_moved(int32_t pid, bool moved);
  bool may_move_others(int32_t pid, double now_ms);
  void read_target(int fd);
  void inherit();

  const procfs::ProcDir& proc_;
  UniqueFd events_;
  // By pid: whether the process may be in another group than at its creation or last read. Entries are never
  // dropped.
  std::vector<bool> moved_;
  bool moved_beyond_ = false;  // for pids beyond the end of moved_
  std::vector<Fork> forks_;    // the move of the creator may still be unreported
  // Groups of moved processes, where known.
  connector::PidTable<std::string> cgroups_;
  connector::PidTable<double> wrote_ms_;
  bool init_wrote_ = false;
  bool watches_ = false;
  double missed_ms_ = -kMoverMs;
};

}  // namespace process_ancestry
