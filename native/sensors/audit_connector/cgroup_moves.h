#pragma once

#include <cstdint>
#include <string>
#include <string_view>

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
  // Takes the writes that wait.
  void drain(double now_ms);

  // A new process: whatever had this pid before is gone.
  void forked(int32_t pid) { moves_.erase(pid); }
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
  void missed_some(double now_ms) { missed_ms_ = now_ms; }

 private:
  static constexpr size_t kMost = 1 << 16;
  struct Move {
    bool moved = false;
    double wrote_ms = 0;  // 0: never
    std::string cgroup;
  };

  Move& of(int32_t pid, double now_ms);
  void read_target(int fd);

  const procfs::ProcDir& proc_;
  UniqueFd events_;
  connector::PidTable<Move> moves_;
  bool watches_ = false;
  double missed_ms_ = -kMoverMs;
};

}  // namespace process_ancestry
