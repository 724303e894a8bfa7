#include "ebpf_sensor.h"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "../../clocks.h"
#include "../../procfs/command_line.h"
#include "../../procfs/process_reader.h"
#include "../made_thread.h"
#include "record.h"

namespace process_ancestry::ebpf {
namespace {

// Between passes. A query drains the ring itself and does not wait for the nap (Collector::drain_now). The
// programs end the nap when an eighth of the ring is full.
constexpr int kNapMs = 250, kShortNapMs = 5;
constexpr uint32_t kWakeAtPart = 8, kNoChunksAtPart = 2;
// Limit for the environment of one process.
constexpr uint32_t kEnvMaxBytes = 16 << 10;
// The most that the programs can copy: kMaxChunks in programs/process.bpf.c.
constexpr size_t kArgsMostBytes = size_t{128} * kChunkBytes;
constexpr double kNsPerTick = 1e7;  // include/asm-generic/param.h, USER_HZ
constexpr int32_t kFirstPid = 1;
// Packed records are handed over at this size.
constexpr size_t kPackedMaxBytes = 256 << 10;
// Limit for the arguments of one process in a snapshot. All processes of a host must fit into the queue.
constexpr size_t kSnapshotArgsMaxBytes = 4 << 10;
// How many processes the iterator reads between two looks at the ring.
constexpr size_t kSnapshotStep = 256;

int errno_of(ssize_t result) { return result < 0 ? errno : 0; }

// Whether a session's address can be read from the program's connection. Only for OpenSSH's server, while it
// has the connection (src/process/logins.ts).
bool has_sessions(std::string_view path) {
  const size_t slash = path.rfind('/');
  return path.substr(slash == std::string_view::npos ? 0 : slash + 1).substr(0, 4) == "sshd";
}

}  // namespace

EbpfSensor::EbpfSensor(Options options)
    : options_(std::move(options)), decoder_({own_namespace("mnt"), options_.environment_names}) {
  if (options_.sessions) sessions_.wanted = {{"sys_exit_setsid", kOnSetsid}};
  if (!options_.ids) return;
  ids_.wanted = {
      {"sys_enter_setuid", kOnSetidBegins},    {"sys_exit_setuid", kOnSetidEnds},
      {"sys_enter_setgid", kOnSetidBegins},    {"sys_exit_setgid", kOnSetidEnds},
      {"sys_enter_setreuid", kOnSetidBegins},  {"sys_exit_setreuid", kOnSetidEnds},
      {"sys_enter_setregid", kOnSetidBegins},  {"sys_exit_setregid", kOnSetidEnds},
      {"sys_enter_setresuid", kOnSetidBegins}, {"sys_exit_setresuid", kOnSetidEnds},
      {"sys_enter_setresgid", kOnSetidBegins}, {"sys_exit_setresgid", kOnSetidEnds},
      {"sys_enter_setfsuid", kOnSetidBegins},  {"sys_exit_setfsuid", kOnSetidEnds},
      {"sys_enter_setfsgid", kOnSetidBegins},  {"sys_exit_setfsgid", kOnSetidEnds},
  };
}

bool EbpfSensor::open(std::vector<Problem>& problems) {
  KernelProgramOptions options{};
  options.ring_bytes = static_cast<uint32_t>(options_.ring_bytes);
  options.args_max_bytes = static_cast<uint32_t>(std::min(options_.args_max_bytes, kArgsMostBytes));
  options.env_max_bytes = options_.environment_names.empty() ? 0 : kEnvMaxBytes;
  options.wake_at_bytes = options.ring_bytes / kWakeAtPart;
  options.no_chunks_at_bytes = options.ring_bytes / kNoChunksAtPart;
  programs_ = load_programs(options, problems);
  if (!programs_) return false;
  shared_ = kernel_programs_shared(programs_.get());
  const bool is_mapped = mapped_.map(kernel_programs_ring_fd(programs_.get()), options_.ring_bytes);
  const int error = is_mapped ? kernel_programs_attach(programs_.get()) : -errno;
  if (error != 0) {
    problems.push_back({"ebpf_start_failed", std::strerror(-error)});
    close();
    return false;
  }
  attach(sessions_);
  attach(ids_);
  works_ = true;
  return true;
}

void EbpfSensor::attach(Calls& calls) {
  if (calls.attached == calls.wanted.size()) return;
  std::vector<std::string> names;
  for (const Call& call : calls.wanted) names.emplace_back(call.tracepoint);
  const std::vector<uint64_t> numbers = call_tracepoints(names);
  for (; calls.attached < calls.wanted.size(); ++calls.attached) {
    const uint64_t number = numbers[calls.attached];
    const CallProgram program = calls.wanted[calls.attached].program;
    calls.error = number == 0 ? ENOENT : -kernel_programs_attach_call(programs_.get(), program, number);
    if (calls.error != 0) return;
  }
}

void EbpfSensor::close() {
  works_ = false;
  processes_.reset();
  shared_ = nullptr;
  mapped_.reset();
  programs_.reset();
}

void EbpfSensor::descriptors(std::vector<int>& fds) const {
  if (programs_) fds.push_back(kernel_programs_ring_fd(programs_.get()));
}

void EbpfSensor::rest(Rest rest) {
  if (shared_ == nullptr) return;
  uint32_t state = kReaderBusy;
  if (rest == Rest::kIdle) state = kReaderIdle;
  if (rest == Rest::kNap) {
    state = kReaderNaps;
    mapped_.forget_wakes();
  }
  // Stored before poll checks the ring: see wake_reader in programs/process.bpf.c.
  __atomic_store_n(&shared_->reader_state, state, __ATOMIC_SEQ_CST);
}

int EbpfSensor::nap_ms(uint64_t messages) {
  if (messages > 0 || has_more()) return kNapMs;
  // Records that still wait: the sink is full, or the writer has not finished.
  return mapped_.ring().waiting() > 0 ? kShortNapMs : 0;
}

uint64_t EbpfSensor::drain(Sink& sink, double) {
  if (!programs_) return 0;
  is_urgent_ = false;
  const uint64_t before = messages_;
  add_events(sink);
  go_on_with_snapshot(sink);
  for (const CgroupId& id : decoder_.take_forgotten()) {
    kernel_programs_forget_cgroup(programs_.get(), id.id, id.hierarchy);
  }
  return messages_ - before;
}

void EbpfSensor::add_events(Sink& sink) {
  Batch& batch = sink.batch();
  Ring::Record record;
  const uint64_t malformed_before = mapped_.ring().malformed();
  while (mapped_.ring().next(record)) {
    ++messages_;
    const bool is_good = decoder_.read(record.bytes, record.size, told_);
    if (!is_good) {
      // The content of the record is lost.
      ++malformed_;
      count_loss(1, boottime_ms(), batch);
      continue;
    }
    if (told_.newly_lost > 0) count_loss(told_.newly_lost, told_.time_ms, batch);
    switch (told_.what) {
      case Told::What::kFork:
        batch.add(Source::kEbpf, told_.pid, told_.time_ms, told_.fork);
        break;
      case Told::What::kExit:
        batch.add(Source::kEbpf, told_.pid, told_.time_ms, told_.exit);
        break;
      case Told::What::kSetsid:
        batch.add(Source::kEbpf, told_.pid, told_.time_ms, SetsidEvent());
        break;
      case Told::What::kSetid:
        batch.add(Source::kEbpf, told_.pid, told_.time_ms, told_.setid);
        break;
      case Told::What::kExec:
        executed_files_.complete(told_.pid, told_.file, told_.details);
        add_exec(batch);
        break;
      case Told::What::kSnapshot:
        add_snapshot(batch);
        break;
      case Told::What::kNothing:
        break;
    }
    if (batch.size() < kPackedMaxBytes) continue;
    sink.hand_over();
    if (sink.is_full()) return;
  }
  end_snapshot(batch);
  if (mapped_.ring().malformed() == malformed_before) return;
  // The end of the record is unknown, so the rest of the ring was skipped.
  count_loss(1, boottime_ms(), batch);
  works_ = false;
  problems_.push_back({"ebpf_ring_malformed", "a record of the ring has no end"});
}

void EbpfSensor::add_exec(Batch& batch) {
  ExecEvent event;
  event.details = &told_.details;
  // The decoder has forgotten a path that was reported earlier.
  event.cgroup_untold = told_.details.cgroup_id != 0 && told_.details.cgroup.empty();
  batch.add(Source::kEbpf, told_.pid, told_.time_ms, event);
  if (has_sessions(told_.details.path)) is_urgent_ = true;
}

// The iterator's program cannot read pages of arguments that are swapped out. /proc can, and a snapshot is
// not urgent.
void EbpfSensor::add_snapshot(Batch& batch) {
  ExecDetails& details = told_.details;
  told_of_first_ = told_of_first_ || told_.pid == kFirstPid;
  const UniqueFd process = proc_.open_process(told_.pid);
  char text[1024];
  procfs::Stat stat;
  const auto start_ticks = static_cast<uint64_t>(static_cast<double>(told_.start_ns) / kNsPerTick);
  if (process && procfs::parse_stat(procfs::read_at(process.get(), "stat", text, sizeof text), stat) &&
      stat.start_ticks == start_ticks &&
      procfs::read_command_line(process.get(), std::min(options_.args_max_bytes, kSnapshotArgsMaxBytes),
                                snapshot_args_, details)) {
    details.args = snapshot_args_;
  } else {
    details.args_cut = details.args_bytes > 0;
  }
  executed_files_.complete(told_.pid, told_.file, details);
  batch.add(Source::kEbpf, told_.pid, told_.time_ms, told_.snapshot);
}

// All lineages end in pid 1. The iterator of some kernels skips it (seen in a Firecracker guest).
void EbpfSensor::add_first_process(Batch& batch) {
  ExecDetails& details = told_.details;
  details = ExecDetails();
  // The time is taken before the reads, as in the programs.
  const double time_ms = boottime_ms();
  const UniqueFd process = proc_.open_process(kFirstPid);
  char text[1024];
  procfs::Stat stat;
  if (!process || !procfs::parse_stat(procfs::read_at(process.get(), "stat", text, sizeof text), stat))
    return;
  procfs::ProcessReader reader(proc_, options_.args_max_bytes, true);
  if (!reader.read(kFirstPid, details)) {
    // Only the fields that need no privilege.
    details = ExecDetails();
    details.from_procfs = true;
    details.ppid = 0;
    details.sid = static_cast<uint32_t>(stat.sid);
    details.pgid = static_cast<uint32_t>(stat.pgid);
    details.comm = stat.comm;
    if (procfs::read_command_line(process.get(), options_.args_max_bytes, snapshot_args_, details)) {
      details.args = snapshot_args_;
    }
  }
  details.start_ms = static_cast<double>(stat.start_ticks) * kNsPerTick / 1e6;
  SnapshotEvent first;
  first.has_executed = true;
  first.details = &details;
  batch.add(Source::kEbpf, kFirstPid, time_ms, first);
}

void EbpfSensor::count_loss(uint32_t count, double time_ms, Batch& batch) {
  lost_ += count;
  lost_seen_ += count;
  batch.loss(Source::kEbpf, time_ms, count);
}

void EbpfSensor::begin_snapshot() {
  if (!programs_) return;
  told_of_first_ = false;
  snapshot_ends_at_.reset();
  processes_.reset(kernel_programs_snapshot(programs_.get()));
  snapshot_error_ = processes_ ? 0 : errno;
  if (!processes_) snapshot_ends_at_ = mapped_.ring().end();
}

void EbpfSensor::go_on_with_snapshot(Sink& sink) {
  char each[kSnapshotStep];
  while (processes_ && !sink.is_full()) {
    const ssize_t n = ::read(processes_.get(), each, sizeof each);
    if (n <= 0 && errno_of(n) != EAGAIN && errno_of(n) != EINTR) {
      snapshot_error_ = errno_of(n);
      processes_.reset();
      snapshot_ends_at_ = mapped_.ring().end();
    }
    add_events(sink);
  }
}

// Reports the end after all records of the snapshot.
void EbpfSensor::end_snapshot(Batch& batch) {
  if (!snapshot_ends_at_ || !mapped_.ring().has_read_to(*snapshot_ends_at_)) return;
  snapshot_ends_at_.reset();
  if (!told_of_first_) add_first_process(batch);
  SnapshotEndEvent end;
  end.is_whole = snapshot_error_ == 0;
  batch.add(Source::kEbpf, 0, boottime_ms(), end);
  is_urgent_ = true;
}

void EbpfSensor::tick(Sink& sink, double) {
  if (!works_) return;
  attach(sessions_);
  attach(ids_);
  // No later record reports a loss at the end.
  const uint32_t counter = shared_->lost;
  const auto lost = static_cast<int32_t>(counter - lost_seen_);
  if (lost > 0 && mapped_.ring().waiting() == 0) {
    decoder_.told_of_loss(counter);
    count_loss(static_cast<uint32_t>(lost), boottime_ms(), sink.batch());
  }
  const uint64_t missed = kernel_programs_missed(programs_.get());
  if (missed > missed_) {
    const uint64_t newly = missed - missed_;
    missed_ = missed;
    lost_ += newly;
    sink.batch().loss(Source::kEbpf, boottime_ms(), static_cast<uint32_t>(newly));
  }
  // On a quiet host, creates an event that the programs must count.
  const bool is_quiet = shared_->newtasks == newtasks_seen_;
  if (is_quiet && make_thread() && shared_->newtasks == newtasks_seen_) {
    works_ = false;
    problems_.push_back({"ebpf_stopped", "a new thread was not reported: the programs were detached"});
    sink.batch().loss(Source::kEbpf, boottime_ms(), 1);
  }
  newtasks_seen_ = shared_->newtasks;
}

SensorStats EbpfSensor::stats() const {
  SensorStats stats;
  if (works_) stats.hears = "ebpf";
  stats.messages = messages_;
  stats.lost = stats.kernel_lost = lost_;
  stats.kernel_backlog = mapped_.ring().waiting();
  stats.malformed = malformed_ + mapped_.ring().malformed();
  stats.problems = problems_;
  if (sessions_.error != 0) stats.problems.push_back({"ebpf_no_sessions", std::strerror(sessions_.error)});
  if (ids_.error != 0) stats.problems.push_back({"ebpf_no_ids", std::strerror(ids_.error)});
  if (snapshot_error_ != 0)
    stats.problems.push_back({"ebpf_snapshot_failed", std::strerror(snapshot_error_)});
  return stats;
}

uint64_t EbpfSensor::on_its_way() const { return mapped_.ring().waiting(); }

}  // namespace process_ancestry::ebpf
