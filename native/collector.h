#pragma once

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "audit/assembler.h"
#include "audit/control.h"
#include "audit/subscription.h"
#include "batch.h"
#include "batch_queue.h"
#include "clocks.h"
#include "proc_events/connector.h"
#include "proc_events/thread_groups.h"
#include "procfs/cgroup.h"
#include "procfs/proc_dir.h"
#include "procfs/process_reader.h"
#include "unique_fd.h"

namespace process_ancestry {

struct CollectorOptions {
  bool audit = true, proc_events = true;
  bool audit_forks = false;
  bool file_times = true;
  std::string rule_key, state_file;
  size_t args_max_bytes = 2 << 20;
  size_t queue_max_bytes = size_t{8} << 20;
  size_t socket_buffer_bytes = size_t{32} << 20;
  double place_grace_ms = 30000;
};

// Counters since the start, and the state of things at the last pass.
struct CollectorStats {
  uint64_t audit_records = 0, audit_events = 0, audit_malformed = 0, audit_incomplete = 0, audit_enobufs = 0;
  uint64_t audit_kernel_lost = 0, audit_kernel_backlog = 0, audit_rules_restored = 0;
  audit::Mode audit_mode = audit::Mode::kOff;
  bool audit_enabled = false;
  uint64_t proc_events = 0, proc_events_enobufs = 0, proc_events_lost = 0;
  uint64_t queue_bytes = 0, queue_dropped = 0;
  uint64_t args_cut = 0, threads_tracked = 0, passes = 0;
};

// Listens to the kernel on a thread of its own and packs what it hears into batches.
//
// The kernel queues the connector's exec before audit's records of the same exec, so each pass empties the
// audit socket first and the connector's second, and delivers in the other order: whoever reads the batches
// has met every exec before its details come. The connector's own order is causal and is kept.
class Collector {
 public:
  // `wake` is called on the collector's thread when batches wait and it has not been called since the last
  // take.
  Collector(CollectorOptions options, std::function<void()> wake);
  ~Collector() { stop(); }
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  void start(std::vector<Problem>& problems);
  // Ends the thread and puts back what was changed in the kernel. What it had heard by then waits in the
  // queue.
  void stop();

  audit::Mode audit_mode() const { return stats().audit_mode; }
  bool proc_events() const { return connector_.is_open(); }
  CollectorStats stats() const;
  // What there still is for us, in bytes and records: in audit's queue, in the sockets, in this thread's
  // hands and in the queue. Asks the kernel; for another thread than the collector's.
  uint64_t on_its_way() const;
  BatchQueue& queue() { return queue_; }

 private:
  static void* thread_main(void* collector);
  void run();
  // Blocks until something can be read, the next second has come, or it is time to stop.
  bool wait(double until_ms);
  // How many messages came.
  uint64_t pass(double now_ms);
  void drain_connector();
  void each_second(double now_ms);
  void on_proc_event(const proc_event& event);
  void on_exec(int32_t pid, uint64_t at_ns);
  void withdraw_older_details(int32_t pid, uint64_t at_ns);
  void enrich(audit::AuditEvent& event, procfs::CgroupBuffer& cgroup, procfs::RootBuffer& root);
  audit::CallerNamespace namespace_of(int32_t caller) const;
  void hand_over();
  void publish();

  bool audit_works() const { return subscription_.mode() != audit::Mode::kOff && subscription_.enabled(); }

  const CollectorOptions options_;
  const std::function<void()> wake_;
  BatchQueue queue_;
  mutable std::mutex stats_mutex_;
  CollectorStats stats_;  // guarded by stats_mutex_
  std::atomic<bool> in_pass_{false};

  // From here on of the collector's thread, while it runs.
  audit::Assembler assembler_;
  audit::Subscription subscription_;
  proc_events::Connector connector_;
  proc_events::ThreadGroups thread_groups_;
  procfs::ProcDir proc_;
  procfs::ProcessReader process_reader_;
  MonotonicToBoottime to_boottime_;
  Batch batch_;
  // Details that this batch has from /proc: where, and when they had been read (CLOCK_MONOTONIC).
  struct ProcRead {
    size_t record_at = 0;
    uint64_t done_ns = 0;
  };
  proc_events::PidTable<ProcRead> proc_reads_;
  uint64_t proc_messages_ = 0;
  bool rescan_threads_ = false;

  UniqueFd stop_event_;
  pthread_t thread_{};
  bool running_ = false;
};

}  // namespace process_ancestry
