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

// Who may have been moved to another control group since it was created: it is not in its creator's any more.
// No event of audit or the connector tells of a move, but the kernel tells fanotify of every write to a
// cgroup.procs, and of the writer. CLONE_INTO_CGROUP makes no such write.
class CgroupMoves {
 public:
  // For how long a writer may still move those whom it created.
  static constexpr double kMoverMs = 10000;

  explicit CgroupMoves(const procfs::ProcDir& proc) : proc_(proc) {}

  // 0 or an errno.
  int open();
  void close() {
    events_.reset();
    watches_ = false;
  }
  int fd() const { return events_.get(); }
  // Takes the writes that wait, and hands the moves on to those who were forked since the last time.
  void drain(double now_ms);

  // A new process: what had this pid before is gone. Where its creator has moved, it was created before or
  // after that.
  void forked(int32_t pid, int32_t creator);
  // Its control group was read at its exec: whoever it creates later is in there too.
  void was_read(int32_t pid);
  // Whether a process whose control group was not read may be in another than its creator's.
  bool may_have_moved(int32_t pid, int32_t creator, double now_ms);

  // The control group of a process that was just moved; empty where it is unknown.
  std::string_view moved_to(int32_t pid);

  // Every write is told from now on.
  void watches_all() { watches_ = true; }
  void wrote(int32_t writer, double now_ms);
  // It is in the control group to which a process was just moved: in this one, as /proc has it.
  void is_in_target(int32_t pid, std::string_view cgroup);
  // Any process may have been moved.
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
  // By pid: it may be in another group than that in which it was created or read. Never forgotten.
  std::vector<bool> moved_;
  bool moved_beyond_ = false;  // of the pids behind the last of these
  std::vector<Fork> forks_;    // whose creator's move may not have been told yet
  // Of those that have moved, where that is known.
  connector::PidTable<std::string> cgroups_;
  connector::PidTable<double> wrote_ms_;
  bool init_wrote_ = false;
  bool watches_ = false;
  double missed_ms_ = -kMoverMs;
};

}  // namespace process_ancestry
