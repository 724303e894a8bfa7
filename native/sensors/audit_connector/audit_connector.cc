#include "audit_connector.h"

#include <errno.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../../procfs/exec_file.h"
#include "../../procfs/thread_scan.h"
#include "../audit/inspection.h"
#include "../audit/kernel.h"
#include "../audit/pack_event.h"
#include "../made_thread.h"
#include "../netlink_receiver.h"

namespace process_ancestry {
namespace {

// Between passes. The long nap follows a short one that received more than kManyMessages.
constexpr int kNapMs = 5, kLongNapMs = 30;
constexpr uint64_t kManyMessages = 32;
// How long details from /proc are held back, waiting for events that prove them wrong.
constexpr double kHoldMs = 10;
// A kernel helper executes at most this long after its fork.
constexpr double kHelperMs = 20;
// Audit's record of an exec may come this late.
constexpr double kRecordMs = 30000;
// Assembled events are packed and handed over at this size.
constexpr size_t kHeldMaxBytes = 1 << 20;
// Packed records are handed over at this size.
constexpr size_t kPackedMaxBytes = 256 << 10;
// How often an open that failed is tried again.
constexpr double kAgainMs = 60000;
// For a trial on the main thread, which may not wait long. A wrong answer only delays the next trial by a
// minute.
constexpr double kTrialAnswerMs = 20;
constexpr size_t kTrialBytes = 64 << 10;

Problem problem_of_connector(int error) {
  if (error == EPERM || error == EACCES) return {"proc_events_no_permission", std::strerror(error)};
  if (error == ETIMEDOUT) {
    return {"proc_events_unavailable",
            "no answer: not in the first pid and user namespace, or not in the kernel"};
  }
  return {"proc_events_unavailable", std::strerror(error)};
}

audit::Assembler::Limits live_limits(size_t args_max_bytes) {
  audit::Assembler::Limits limits;
  limits.args_max_bytes = args_max_bytes;
  // Events of all processors are interleaved, and each may have arguments up to the limit.
  limits.bytes_max = std::max<size_t>(8 << 20, 2 * args_max_bytes);
  return limits;
}

uint64_t monotonic_ns() { return static_cast<uint64_t>(monotonic_ms() * 1e6); }

}  // namespace

AuditConnector::AuditConnector(Options options)
    : options_(std::move(options)),
      assembler_(live_limits(options_.args_max_bytes)),
      subscription_({options_.audit_forks, options_.rule_key, options_.state_file,
                     options_.socket_buffer_bytes, options_.owner_grace_ms},
                    assembler_),
      cgroup_moves_(proc_),
      process_reader_(proc_, options_.args_max_bytes, true),
      nap_ms_(kNapMs) {}

std::vector<Problem> AuditConnector::obstacles(const Options& options) {
  std::vector<Problem> problems;
  if (options.connector) {
    connector::Connector trial;
    const int error = trial.open(kTrialBytes, kTrialAnswerMs);
    if (error != 0) problems.push_back(problem_of_connector(error));
  }
  if (options.audit) {
    const audit::Plan plan = audit::plan_now(options.rule_key);
    if (plan.mode == audit::Mode::kOff)
      problems.insert(problems.end(), plan.problems.begin(), plan.problems.end());
  }
  return problems;
}

bool AuditConnector::open(std::vector<Problem>& problems) {
  const double now = monotonic_ms();
  // The connector is opened first, so that it has reported each exec that audit reports.
  if (options_.connector) {
    const int error = connector_.open(options_.socket_buffer_bytes);
    if (error != 0) connector_problem_ = problem_of_connector(error);
    connector_again_ms_ = now + kAgainMs;
  }
  if (options_.audit) start_audit(now);
  if (subscription_.mode() != audit::Mode::kOff) audit_start_.began(monotonic_ns());
  if (connector_problem_) problems.push_back(*connector_problem_);
  problems.insert(problems.end(), audit_obstacles_.begin(), audit_obstacles_.end());
  // If it fails, the control group of a process that was gone before the read is unknown.
  cgroup_moves_.open();
  return connector_.is_open() || subscription_.mode() != audit::Mode::kOff;
}

void AuditConnector::close() {
  subscription_.stop();
  connector_.close();
  cgroup_moves_.close();
}

void AuditConnector::begin() {
  if (connector_.is_open()) procfs::seed_processes(proc_, thread_groups_, kernel_children_);
  subscription_.begin();
}

void AuditConnector::descriptors(std::vector<int>& fds) const {
  for (const int fd : {subscription_.fd(), connector_.fd(), cgroup_moves_.fd()}) {
    if (fd >= 0) fds.push_back(fd);
  }
}

uint64_t AuditConnector::drain(Sink& sink, double now_ms) {
  to_boottime_.refresh();
  const uint64_t records_before = subscription_.counters().records, messages_before = proc_messages_;
  const auto hand_over = [&] {
    sink.hand_over();
    if (proc_reads_.size() > 0) proc_reads_.clear();
  };
  bool more;
  do {
    more = false;
    if (subscription_.fd() >= 0) {
      if (!subscription_.drain(now_ms, kHeldMaxBytes)) sink.batch().loss(Source::kAudit, boottime_ms(), 1);
      subscription_.give_way();
      subscription_.look_at_changes();
      tell_gaps(sink.batch());
      more = assembler_.bytes_held() >= kHeldMaxBytes && !assembler_.completed().empty();
    }
    if (connector_.is_open()) drain_connector(sink.batch());
    // Moves are applied after the fork of the moved process, and before its next exec.
    cgroup_moves_.drain(now_ms);
    procfs::CgroupBuffer cgroup;
    procfs::RootBuffer root;
    const ExecGaps missing = gaps();
    for (const auto& event : assembler_.completed()) {
      std::optional<ExecReading> reading;
      if (event->kind == Kind::kExec) reading = readings_.take(event->pid, event->id.time_ms);
      if (reading && reading->is_told) continue;
      enrich(*event, cgroup, root);
      if (event->kind == Kind::kExec) {
        event->groups_untold = groups_untold();
        if (missing.any()) fill_gaps(*event, missing, reading ? &*reading : nullptr);
        if (!event->exec.cgroup.empty()) {
          cgroup_moves_.was_read(event->pid);
        } else {
          event->exec.cgroup = cgroup_moves_.moved_to(event->pid);
        }
        event->cgroup_untold =
            event->exec.cgroup.empty() &&
            cgroup_moves_.may_have_moved(event->pid, static_cast<int32_t>(event->exec.ppid), now_ms);
      }
      audit::pack_event(*event, sink.batch());
      if (sink.batch().size() >= kPackedMaxBytes) hand_over();
    }
    assembler_.recycle_completed();
    hand_over();
  } while (more && !sink.is_full());
  begun_ = assembler_.pending();
  return subscription_.counters().records - records_before + proc_messages_ - messages_before;
}

void AuditConnector::start_audit(double now_ms) {
  audit_obstacles_.clear();
  subscription_.start(audit_obstacles_);
  if (subscription_.mode() != audit::Mode::kOff) audit_obstacles_.clear();
  audit_again_ms_ = now_ms + kAgainMs;
}

void AuditConnector::look_after_audit(Batch& batch, double now_ms) {
  if (!options_.audit) return;
  const bool was_on = subscription_.mode() != audit::Mode::kOff;
  const uint32_t lost = subscription_.check(now_ms);
  if (lost > 0) batch.loss(Source::kAudit, boottime_ms(), lost);
  if (subscription_.mode() == audit::Mode::kOff && (was_on || now_ms >= audit_again_ms_)) {
    start_audit(now_ms);
    const bool is_on = subscription_.mode() != audit::Mode::kOff;
    if (is_on) subscription_.begin();
    if (was_on || is_on) tell_interruption(Source::kAudit, batch);
  }
  tell_gaps(batch);
}

void AuditConnector::look_after_connector(Batch& batch, double now_ms) {
  if (!options_.connector) return;
  // On a quiet host, creates an event that the connector must report.
  if (connector_.is_open() && proc_messages_ == messages_looked_at_ && make_thread()) {
    drain_connector(batch);
    if (connector_.is_open() && proc_messages_ == messages_looked_at_) connector_.end(ENOMSG);
  }
  messages_looked_at_ = proc_messages_;
  if (connector_.is_open()) return;
  // A connector that has ended is reopened at once.
  const bool has_ended = connector_.error() != 0;
  if (!has_ended && now_ms < connector_again_ms_) return;
  connector_again_ms_ = now_ms + kAgainMs;
  const int error = connector_.open(options_.socket_buffer_bytes);
  connector_problem_.reset();
  if (error != 0) connector_problem_ = problem_of_connector(error);
  if (error == 0) rescan_threads_ = true;
  if (error == 0 || has_ended) tell_interruption(Source::kProcEvents, batch);
}

void AuditConnector::tell_interruption(Source source, Batch& batch) {
  ++interruptions_;
  batch.loss(source, boottime_ms(), 1);
}

void AuditConnector::tick(Sink& sink, double now_ms) {
  assembler_.expire(now_ms);
  begun_ = assembler_.pending();
  look_after_connector(sink.batch(), now_ms);
  look_after_audit(sink.batch(), now_ms);
  readings_.forget(boottime_ms() + unix_minus_boottime_ms() - kRecordMs);
  if (rescan_threads_) {
    rescan_threads_ = false;
    thread_groups_.clear();
    kernel_children_.clear();
    procfs::seed_processes(proc_, thread_groups_, kernel_children_);
  }
}

void AuditConnector::tell_gaps(Batch& batch) {
  const uint64_t gaps = subscription_.counters().gaps;
  if (gaps > gaps_told_) batch.loss(Source::kAudit, boottime_ms(), static_cast<uint32_t>(gaps - gaps_told_));
  gaps_told_ = gaps;
}

ExecGaps AuditConnector::gaps() const {
  if (subscription_.mode() == audit::Mode::kOff) return {};
  const audit::Coverage& coverage = subscription_.coverage();
  return {coverage.without_execve, coverage.without_cwd, coverage.without_path,
          !subscription_.hears_groups()};
}

int AuditConnector::nap_ms(uint64_t messages) {
  // If /proc is the only source for an exec, it must be read at once.
  if (messages > 0 && (!subscription_.works() || gaps().any())) return 0;
  if (awake_until_ms_ > 0 && monotonic_ms() < awake_until_ms_) return 0;
  awake_until_ms_ = 0;
  nap_ms_ = messages * kNapMs > kManyMessages * static_cast<uint64_t>(nap_ms_) ? kLongNapMs : kNapMs;
  return nap_ms_;
}

SensorStats AuditConnector::stats() const {
  const audit::Assembler::Counters& assembled = assembler_.counters();
  const audit::Subscription::Counters& received = subscription_.counters();
  SensorStats stats;
  if (subscription_.works()) stats.hears = "audit";
  if (connector_.is_open()) stats.hears += stats.hears.empty() ? "proc_events" : "+proc_events";
  stats.messages = received.records + proc_messages_;
  stats.kernel_lost = received.kernel_lost;
  stats.lost = received.kernel_lost + received.enobufs + received.gaps + connector_.enobufs() +
               connector_.lost() + interruptions_;
  stats.kernel_backlog = subscription_.kernel_backlog();
  stats.malformed = assembled.malformed + received.malformed;
  stats.incomplete = assembled.incomplete;
  if (connector_problem_) stats.problems.push_back(*connector_problem_);
  for (const auto& some : {audit_obstacles_, subscription_.problems()}) {
    stats.problems.insert(stats.problems.end(), some.begin(), some.end());
  }
  return stats;
}

uint64_t AuditConnector::on_its_way() const {
  uint64_t sum = begun_;
  for (const int fd : {subscription_.fd(), connector_.fd()}) {
    if (fd >= 0) sum += waiting_in_socket(fd);
  }
  audit::Kernel kernel;
  audit::Status status;
  if (subscription_.fd() >= 0 && kernel.open() == 0 && kernel.status(status) == 0) sum += status.backlog;
  return sum;
}

void AuditConnector::drain_connector(Batch& batch) {
  // Details from /proc are held back until all kernel events from the time of reading have been received.
  const double give_up_ms = monotonic_ms() + kHoldMs;
  uint64_t messages_before;
  do {
    messages_before = proc_messages_;
    if (!connector_.drain([&](const proc_event& event) { on_proc_event(event, batch); })) {
      batch.loss(Source::kProcEvents, boottime_ms(), std::max(1U, connector_.newly_lost()));
      rescan_threads_ = true;
    }
  } while ((proc_reads_.size() > 0 || !readings_.empty()) && proc_messages_ != messages_before &&
           monotonic_ms() < give_up_ms);
}

void AuditConnector::on_proc_event(const proc_event& event, Batch& batch) {
  ++proc_messages_;
  const double time = to_boottime_.to_ms(event.timestamp_ns);
  switch (static_cast<uint32_t>(event.what)) {
    case connector::kFork: {
      const auto& fork = event.event_data.fork;
      if (fork.child_pid != fork.child_tgid) {
        thread_groups_.thread_started(fork.child_tgid, fork.child_pid);
      } else {
        thread_groups_.process_started(fork.child_tgid);
        audit_start_.forked(fork.child_tgid, event.timestamp_ns);
        cgroup_moves_.forked(fork.child_tgid, fork.parent_tgid);
        if (kernel_children_.forked(fork.parent_tgid, fork.child_tgid)) {
          awake_until_ms_ = monotonic_ms() + kHelperMs;
        }
        ForkEvent created;
        created.parent = fork.parent_tgid;
        batch.add(Source::kProcEvents, fork.child_tgid, time, created);
      }
      break;
    }
    case connector::kExec:
      thread_groups_.exec(event.event_data.exec.process_tgid);
      on_exec(event.event_data.exec.process_tgid, event.timestamp_ns, batch);
      break;
    case connector::kSid:
      batch.add(Source::kProcEvents, event.event_data.sid.process_tgid, time, SetsidEvent());
      break;
    case connector::kExit: {
      const auto& exit = event.event_data.exit;
      if (thread_groups_.exited(exit.process_tgid, exit.process_pid)) {
        withdraw_older_details(exit.process_tgid, event.timestamp_ns, batch);
        kernel_children_.exited(exit.process_tgid);
        audit_start_.exited(exit.process_tgid);
        ExitEvent ended;
        ended.status = static_cast<int32_t>(exit.exit_code);
        batch.add(Source::kProcEvents, exit.process_tgid, time, ended);
      }
      break;
    }
    default:
      break;
  }
}

void AuditConnector::on_exec(int32_t pid, uint64_t at_ns, Batch& batch) {
  const double time = to_boottime_.to_ms(at_ns);
  withdraw_older_details(pid, at_ns, batch);
  // Audit has no record of an exec by the kernel itself, because no system call makes it.
  const bool by_kernel = kernel_children_.executes(pid);
  const bool is_whole = by_kernel || audit_start_.may_miss(pid, at_ns) || !subscription_.works();
  ExecDetails details;
  ExecEvent executed;
  executed.groups_untold = groups_untold();
  executed.is_unrecorded = by_kernel;
  if ((is_whole || gaps().any()) && process_reader_.read(pid, details)) {
    const auto done_ns = monotonic_ns();
    if (is_whole) {
      proc_reads_.at(pid) = {batch.size(), done_ns};
      executed.details = &details;
    }
    if (subscription_.mode() != audit::Mode::kOff && !by_kernel)
      keep_reading(pid, details, time, done_ns, is_whole);
  }
  batch.add(Source::kProcEvents, pid, time, executed);
}

void AuditConnector::keep_reading(int32_t pid, const ExecDetails& details, double time, uint64_t done_ns,
                                  bool is_told) {
  ExecReading reading;
  reading.exec_ms = time + unix_minus_boottime_ms();
  reading.done_ns = done_ns;
  reading.is_told = is_told;
  reading.is_known = true;
  if (!is_told) {
    reading.details = details;
    reading.args = details.args;
    reading.cwd = details.cwd;
    reading.cgroup = details.cgroup;
    reading.root = details.root;
  }
  readings_.add(pid, std::move(reading));
}

// Withdraws details that were read from /proc too late: after the process executed another image, or after it
// exited and its pid was reused. The kernel's event of that comes after the read.
void AuditConnector::withdraw_older_details(int32_t pid, uint64_t at_ns, Batch& batch) {
  if (!readings_.empty()) readings_.went_on(pid, at_ns);
  const ProcRead* read = proc_reads_.find(pid);
  if (read == nullptr) return;
  if (at_ns < read->done_ns) {
    batch.withdraw_details(read->record_at);
    readings_.taken_back(pid);
  }
  proc_reads_.erase(pid);
}

// The pid namespace in which the numbers of this caller are valid.
audit::CallerNamespace AuditConnector::namespace_of(int32_t caller) const {
  constexpr double kInitial = 0xeffffffc;  // include/linux/proc_ns.h, PROC_PID_INIT_INO
  const double inode = proc_.pid_namespace(caller);
  if (inode == 0) return audit::CallerNamespace::kUnknown;
  return inode == kInitial ? audit::CallerNamespace::kInitial : audit::CallerNamespace::kOther;
}

// Adds what the records lack and /proc may still have. `cgroup` and `root` hold the memory of the control
// group and the root directory.
void AuditConnector::enrich(audit::AuditEvent& event, procfs::CgroupBuffer& cgroup,
                            procfs::RootBuffer& root) {
  if (event.kind == Kind::kSetpgid) event.setpgid.in = namespace_of(event.pid);
  if (event.kind == Kind::kFork) {
    event.fork.in = namespace_of(event.fork.image_from != 0 ? event.fork.image_from : event.fork.parent);
  }
  if (event.kind != Kind::kExec) return;
  event.exec.pid_namespace = proc_.pid_namespace(event.pid);
  // After a burst most processes are gone. Another read would cost as much as the one that showed it.
  const bool gone = event.exec.pid_namespace == 0 && errno == ENOENT;
  if (!gone) event.exec.cgroup = procfs::cgroup_of(proc_, event.pid, cgroup);
  const procfs::ExecFile file =
      procfs::exec_file(proc_, event.pid, event.exec.path, event.files.data(), event.file_count, root);
  file.times.copy_to(event.exec);
  event.exec.root = file.root;
}

}  // namespace process_ancestry
