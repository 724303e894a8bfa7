#include "collector.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "audit/kernel.h"
#include "audit/pack_event.h"
#include "netlink_receiver.h"
#include "procfs/exec_file.h"
#include "procfs/thread_scan.h"

namespace process_ancestry {
namespace {

constexpr double kSecondMs = 1000;
// Between passes the thread sleeps, so that many messages cost one wake-up; longer where more than so many
// come in a short nap.
constexpr int kNapMs = 5, kLongNapMs = 30;
constexpr uint64_t kManyMessages = 32;
// How long details from /proc are kept back for what may prove them wrong.
constexpr double kHoldMs = 10;
// How much may be assembled before it is packed and handed over.
constexpr size_t kHeldMaxBytes = 1 << 20;

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
  // Events of all processors are interleaved, and each may have arguments as long as allowed.
  limits.bytes_max = std::max<size_t>(8 << 20, 2 * args_max_bytes);
  return limits;
}

}  // namespace

Collector::Collector(CollectorOptions options, std::function<void()> wake)
    : options_(std::move(options)),
      wake_(std::move(wake)),
      queue_(options_.queue_max_bytes),
      assembler_(live_limits(options_.args_max_bytes)),
      subscription_({options_.audit_forks, options_.rule_key, options_.state_file,
                     options_.socket_buffer_bytes, options_.place_grace_ms},
                    assembler_),
      process_reader_(proc_, options_.args_max_bytes, options_.file_times) {}

void Collector::start(std::vector<Problem>& problems) {
  // The connector first: an exec that audit tells of must have been heard of there.
  if (options_.proc_events) {
    const int error = connector_.open(options_.socket_buffer_bytes);
    if (error != 0) problems.push_back(problem_of_connector(error));
  }
  if (options_.audit) subscription_.start(problems);
  if (!connector_.is_open() && subscription_.mode() == audit::Mode::kOff) return;
  publish();
  stop_event_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  // Signals are the main thread's.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = stop_event_ ? pthread_create(&thread_, nullptr, &Collector::thread_main, this) : errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) {
    const char* const code =
        subscription_.mode() != audit::Mode::kOff ? "audit_start_failed" : "proc_events_unavailable";
    problems.push_back({code, std::string("no thread: ") + std::strerror(error)});
    subscription_.stop();
    connector_.close();
    publish();
    return;
  }
  running_ = true;
}

void Collector::stop() {
  if (!running_) return;
  running_ = false;
  const uint64_t one = 1;
  // An eventfd takes this write always: its counter is far from full.
  if (::write(stop_event_.get(), &one, sizeof one) == sizeof one) pthread_join(thread_, nullptr);
  subscription_.stop();
  connector_.close();
  publish();
}

void* Collector::thread_main(void* collector) {
  pthread_setname_np(pthread_self(), "ancestry");
  static_cast<Collector*>(collector)->run();
  return nullptr;
}

bool Collector::wait(double until_ms) {
  pollfd ready[] = {
      {stop_event_.get(), POLLIN, 0}, {subscription_.fd(), POLLIN, 0}, {connector_.fd(), POLLIN, 0}};
  const double left = until_ms - monotonic_ms();
  const int timeout = std::max(0, static_cast<int>(std::ceil(left)));
  ::poll(ready, 3, timeout);
  return (ready[0].revents & POLLIN) == 0;
}

void Collector::run() {
  if (connector_.is_open()) procfs::seed_thread_groups(proc_, thread_groups_);
  double next_second = monotonic_ms() + kSecondMs;
  int nap_ms = kNapMs;
  for (bool go_on = true; go_on;) {
    go_on = wait(next_second);
    const double now = monotonic_ms();
    if (now >= next_second || !go_on) {
      each_second(now);
      next_second = now + kSecondMs;
    }
    // What JavaScript has no room for waits in the kernel's buffers, and where those are full the kernel
    // counts.
    const bool waits = go_on && queue_.is_full();
    in_pass_ = true;
    const uint64_t messages = waits ? 0 : pass(now);
    in_pass_ = false;
    // Where /proc is all there is to tell of an exec, every millisecond counts.
    if (go_on && (messages == 0 || audit_works())) {
      pollfd stop{stop_event_.get(), POLLIN, 0};
      nap_ms = messages * kNapMs > kManyMessages * static_cast<uint64_t>(nap_ms) ? kLongNapMs : kNapMs;
      ::poll(&stop, 1, nap_ms);
    }
  }
}

uint64_t Collector::pass(double now_ms) {
  to_boottime_.refresh();
  const uint64_t records_before = subscription_.counters().records, messages_before = proc_messages_;
  bool more;
  do {
    more = false;
    if (subscription_.fd() >= 0) {
      if (!subscription_.drain(now_ms, kHeldMaxBytes)) batch_.loss(Source::kAudit, boottime_ms(), 1);
      subscription_.give_way();
      if (subscription_.restore_removed_rules()) batch_.loss(Source::kAudit, boottime_ms(), 1);
      more = assembler_.bytes_held() >= kHeldMaxBytes && !assembler_.completed().empty();
    }
    if (connector_.is_open()) drain_connector();
    procfs::CgroupBuffer cgroup;
    procfs::RootBuffer root;
    for (const auto& event : assembler_.completed()) {
      enrich(*event, cgroup, root);
      audit::pack_event(*event, batch_);
      if (batch_.size() >= BatchQueue::kChunkBytes) hand_over();
    }
    assembler_.recycle_completed();
    hand_over();
  } while (more && !queue_.is_full());
  publish();
  return subscription_.counters().records - records_before + proc_messages_ - messages_before;
}

void Collector::drain_connector() {
  // What was read from /proc is kept back until the kernel's words of the time of reading are all heard.
  const double give_up_ms = monotonic_ms() + kHoldMs;
  uint64_t messages_before;
  do {
    messages_before = proc_messages_;
    if (!connector_.drain([this](const proc_event& event) { on_proc_event(event); })) {
      batch_.loss(Source::kProcEvents, boottime_ms(), std::max(1U, connector_.newly_lost()));
      rescan_threads_ = true;
    }
  } while (proc_reads_.size() > 0 && proc_messages_ != messages_before && monotonic_ms() < give_up_ms);
}

void Collector::each_second(double now_ms) {
  assembler_.expire(now_ms);
  const uint32_t lost = subscription_.check(now_ms);
  if (lost > 0) batch_.loss(Source::kAudit, boottime_ms(), lost);
  if (rescan_threads_) {
    rescan_threads_ = false;
    thread_groups_.clear();
    procfs::seed_thread_groups(proc_, thread_groups_);
  }
}

void Collector::on_proc_event(const proc_event& event) {
  ++proc_messages_;
  const double time = to_boottime_.to_ms(event.timestamp_ns);
  switch (static_cast<uint32_t>(event.what)) {
    case proc_events::kFork: {
      const auto& fork = event.event_data.fork;
      if (fork.child_pid != fork.child_tgid) {
        thread_groups_.thread_started(fork.child_tgid, fork.child_pid);
      } else {
        thread_groups_.process_started(fork.child_tgid);
        batch_.fork(Source::kProcEvents, fork.child_tgid, time, fork.parent_tgid, 0);
      }
      break;
    }
    case proc_events::kExec:
      thread_groups_.exec(event.event_data.exec.process_tgid);
      on_exec(event.event_data.exec.process_tgid, event.timestamp_ns);
      break;
    case proc_events::kSid:
      batch_.setsid(Source::kProcEvents, event.event_data.sid.process_tgid, time);
      break;
    case proc_events::kExit: {
      const auto& exit = event.event_data.exit;
      if (thread_groups_.exited(exit.process_tgid, exit.process_pid)) {
        withdraw_older_details(exit.process_tgid, event.timestamp_ns);
        batch_.exit(Source::kProcEvents, exit.process_tgid, time, static_cast<int32_t>(exit.exit_code));
      }
      break;
    }
    default:
      break;
  }
}

void Collector::on_exec(int32_t pid, uint64_t at_ns) {
  const double time = to_boottime_.to_ms(at_ns);
  withdraw_older_details(pid, at_ns);
  ExecDetails details;
  if (audit_works() || !process_reader_.read(pid, details)) {
    batch_.exec(Source::kProcEvents, pid, time);
    return;
  }
  proc_reads_.at(pid) = {batch_.size(), static_cast<uint64_t>(monotonic_ms() * 1e6)};
  batch_.exec(Source::kProcEvents, pid, time, details);
}

// What was read from /proc after the process had already gone on to another image, or had exited and left its
// pid to another, is not what was executed. The kernel's word of that comes later than the reading.
void Collector::withdraw_older_details(int32_t pid, uint64_t at_ns) {
  const ProcRead* read = proc_reads_.find(pid);
  if (read == nullptr) return;
  if (at_ns < read->done_ns) batch_.withdraw_details(read->record_at);
  proc_reads_.erase(pid);
}

// In which namespace a process's own numbers of processes count.
audit::CallerNamespace Collector::namespace_of(int32_t caller) const {
  constexpr double kInitial = 0xeffffffc;  // include/linux/proc_ns.h, PROC_PID_INIT_INO
  const double inode = proc_.pid_namespace(caller);
  if (inode == 0) return audit::CallerNamespace::kUnknown;
  return inode == kInitial ? audit::CallerNamespace::kInitial : audit::CallerNamespace::kOther;
}

// What the records do not say, and the machine may still know. The control group and root directory live in
// `cgroup` and `root`.
void Collector::enrich(audit::AuditEvent& event, procfs::CgroupBuffer& cgroup, procfs::RootBuffer& root) {
  if (event.kind == Kind::kSetpgid) event.setpgid.in = namespace_of(event.pid);
  if (event.kind == Kind::kFork) {
    event.fork.in = namespace_of(event.fork.image_from != 0 ? event.fork.image_from : event.fork.parent);
  }
  if (event.kind != Kind::kExec) return;
  event.exec.pid_namespace = proc_.pid_namespace(event.pid);
  // Most of a storm is gone by now: to ask again would cost as much as it did to learn that.
  const bool gone = event.exec.pid_namespace == 0 && errno == ENOENT;
  if (!gone) event.exec.cgroup = procfs::cgroup_of(proc_, event.pid, cgroup);
  if (!options_.file_times) return;
  const procfs::ExecFile file =
      procfs::exec_file(proc_, event.pid, event.exec.exe, event.files.data(), event.file_count, root);
  event.exec.times = file.times;
  event.exec.root = file.root;
}

void Collector::hand_over() {
  if (batch_.empty()) return;
  const bool must_wake = queue_.push(batch_, boottime_ms(), unix_minus_boottime_ms());
  batch_.clear();
  if (proc_reads_.size() > 0) proc_reads_.clear();
  if (must_wake) wake_();
}

void Collector::publish() {
  const audit::Assembler::Counters& assembled = assembler_.counters();
  const audit::Subscription::Counters& received = subscription_.counters();
  const std::lock_guard<std::mutex> lock(stats_mutex_);
  CollectorStats& stats = stats_;
  stats.audit_records = received.records;
  stats.audit_events = assembled.events;
  stats.audit_malformed = assembled.malformed + received.malformed;
  stats.audit_incomplete = assembled.incomplete;
  stats.audit_enobufs = received.enobufs;
  stats.audit_kernel_lost = received.kernel_lost;
  stats.audit_kernel_backlog = subscription_.kernel_backlog();
  stats.audit_rules_restored = received.rules_restored;
  stats.audit_mode = subscription_.mode();
  stats.audit_enabled = subscription_.enabled();
  stats.proc_events = proc_messages_;
  stats.proc_events_enobufs = connector_.enobufs();
  stats.proc_events_lost = connector_.lost();
  stats.args_cut = assembled.args_cut;
  stats.threads_tracked = thread_groups_.threads();
  ++stats.passes;
}

uint64_t Collector::on_its_way() const {
  uint64_t sum = queue_.bytes() + (in_pass_ ? 1 : 0);
  for (const int fd : {subscription_.fd(), connector_.fd()}) {
    if (fd >= 0) sum += waiting_in_socket(fd);
  }
  audit::Kernel kernel;
  audit::Status status;
  if (audit_mode() != audit::Mode::kOff && kernel.open() == 0 && kernel.status(status) == 0) {
    sum += status.backlog;
  }
  return sum;
}

CollectorStats Collector::stats() const {
  const std::lock_guard<std::mutex> lock(stats_mutex_);
  CollectorStats stats = stats_;
  stats.queue_bytes = queue_.bytes();
  stats.queue_dropped = queue_.dropped();
  return stats;
}

}  // namespace process_ancestry
