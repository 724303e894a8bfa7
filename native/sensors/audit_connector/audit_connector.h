#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../../clocks.h"
#include "../../procfs/cgroup.h"
#include "../../procfs/proc_dir.h"
#include "../../procfs/process_reader.h"
#include "../audit/assembler.h"
#include "../audit/subscription.h"
#include "../connector/connector.h"
#include "../connector/kernel_children.h"
#include "../connector/thread_groups.h"
#include "../sensor.h"
#include "audit_start.h"
#include "cgroup_moves.h"
#include "exec_readings.h"

namespace process_ancestry {

// Kernel audit and the proc connector, or one of them. The connector reports forks, execs and exits. Audit
// reports what was executed and by which user. src/collect joins the two.
//
// The kernel queues the connector's exec before audit's records of the same exec. So each pass empties the
// audit socket first and the connector's socket second, and delivers in the opposite order: the reader always
// has the exec before its details. The connector's order is causal and is kept.
class AuditConnector final : public Sensor {
 public:
  struct Options {
    bool audit = true, connector = true;
    bool audit_forks = false;  // audit also reports forks, exits and sessions
    std::string rule_key, state_file;
    size_t args_max_bytes = 2 << 20;
    size_t socket_buffer_bytes = size_t{32} << 20;
    double owner_grace_ms = 30000;
  };

  // Problems that a sensor with these options would have; empty if none. Changes nothing. May be called while
  // another one works.
  static std::vector<Problem> obstacles(const Options& options);

  explicit AuditConnector(Options options);
  ~AuditConnector() override { close(); }

  bool open(std::vector<Problem>& problems) override;
  void close() override;
  void begin() override;
  void descriptors(std::vector<int>& fds) const override;
  uint64_t drain(Sink& sink, double now_ms) override;
  void tick(Sink& sink, double now_ms) override;
  int nap_ms(uint64_t messages) override;
  int urgent_descriptor() const override { return connector_.kernel_forks_fd(); }
  SensorStats stats() const override;
  uint64_t on_its_way() const override;

 private:
  void start_audit(double now_ms);
  // Called each second. Checks that the connector still works, and reopens it if not.
  void look_after_connector(Batch& batch, double now_ms);
  void look_after_audit(Batch& batch, double now_ms);
  // Reports that earlier events may be missing, so the reader must read /proc.
  void tell_interruption(Source source, Batch& batch);
  void drain_connector(Batch& batch);
  void on_proc_event(const proc_event& event, Batch& batch);
  void on_exec(int32_t pid, uint64_t at_ns, Batch& batch);
  void withdraw_older_details(int32_t pid, uint64_t at_ns, Batch& batch);
  // Keeps a reading of /proc until audit's record of the exec comes.
  void keep_reading(int32_t pid, const ExecDetails& details, double time, uint64_t done_ns, bool is_told);
  void tell_gaps(Batch& batch);
  ExecGaps gaps() const;
  void enrich(audit::AuditEvent& event, procfs::CgroupBuffer& cgroup, procfs::RootBuffer& root);
  audit::CallerNamespace namespace_of(int32_t caller) const;
  bool groups_untold() const {
    return subscription_.mode() != audit::Mode::kOff &&
           !(subscription_.works() && subscription_.hears_groups());
  }

  const Options options_;
  audit::Assembler assembler_;
  audit::Subscription subscription_;
  connector::Connector connector_;
  connector::ThreadGroups thread_groups_;
  connector::KernelChildren kernel_children_;
  procfs::ProcDir proc_;
  AuditStart audit_start_;
  CgroupMoves cgroup_moves_;
  procfs::ProcessReader process_reader_;
  MonotonicToBoottime to_boottime_;
  // Details from /proc in the sink's batch: position of the record, and when the read ended
  // (CLOCK_MONOTONIC).
  struct ProcRead {
    size_t record_at = 0;
    uint64_t done_ns = 0;
  };
  connector::PidTable<ProcRead> proc_reads_;
  ExecReadings readings_;
  uint64_t proc_messages_ = 0, gaps_told_ = 0;
  double awake_until_ms_ = 0;
  // Why the connector is not open, and why audit could not be started.
  std::optional<Problem> connector_problem_;
  std::vector<Problem> audit_obstacles_;
  // When to try again what could not be opened.
  double connector_again_ms_ = 0, audit_again_ms_ = 0;
  uint64_t messages_looked_at_ = 0;  // value of proc_messages_ at the last look
  uint64_t interruptions_ = 0;
  // Incomplete events in the assembler: the kernel is still making or sending their other records.
  std::atomic<uint64_t> begun_{0};
  bool rescan_threads_ = false;
  int nap_ms_;
};

}  // namespace process_ancestry
