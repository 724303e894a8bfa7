#include "ebpf_sensor.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "../../clocks.h"
#include "../../procfs/command_line.h"
#include "../../procfs/process_reader.h"
#include "record.h"

namespace process_ancestry::ebpf {
namespace {

// Between passes. A query does not wait for it (Collector::drain_now), and the programs end it when an eighth
// of the ring is full.
constexpr int kNapMs = 100, kShortNapMs = 5;
constexpr uint32_t kWakeAtPart = 8, kNoChunksAtPart = 2;
// Of a process's environment.
constexpr uint32_t kEnvMaxBytes = 16 << 10;
// What the programs can follow: programs/process.bpf.c, kMaxChunks.
constexpr size_t kArgsMostBytes = size_t{128} * kChunkBytes;
constexpr double kNsPerTick = 1e7;  // include/asm-generic/param.h, USER_HZ
constexpr int32_t kFirstPid = 1;
// How much is packed before it is handed over.
constexpr size_t kPackedMaxBytes = 256 << 10;
// Processes that a snapshot tells of between two looks at the ring.
constexpr size_t kSnapshotStep = 256;
// The kernel writes the log of all programs one over the other, and an error of its own where one does not
// fit (before 6.4).
constexpr uint32_t kLogBytes = 16 << 20;
constexpr size_t kLogEndBytes = 600;

std::string read_whole(const char* path) {
  char text[4096];
  return std::string(procfs::read_at(AT_FDCWD, path, text, sizeof text));
}

double namespace_of_ours(const char* path) {
  char link[64];
  const std::string_view text = procfs::read_link_at(AT_FDCWD, path, link, sizeof link);
  const size_t open = text.find('[');
  uint64_t inode = 0;
  if (open != std::string_view::npos) {
    std::from_chars(text.data() + open + 1, text.data() + text.size(), inode);
  }
  return static_cast<double>(inode);
}

// The last lines of what the verifier wrote.
std::string end_of(std::string_view log) {
  log = log.substr(0, log.find('\0'));
  while (!log.empty() && log.back() == '\n') log.remove_suffix(1);
  if (log.size() > kLogEndBytes) log.remove_prefix(log.size() - kLogEndBytes);
  return std::string(log);
}

// What can be known before trying.
bool can_be_tried(std::vector<Problem>& problems) {
  constexpr double kInitialPidNamespace = 0xeffffffc;  // include/linux/proc_ns.h, PROC_PID_INIT_INO
  if (namespace_of_ours("/proc/self/ns/pid") != kInitialPidNamespace) {
    problems.push_back({"ebpf_pid_namespace", "not in the initial pid namespace"});
    return false;
  }
  if (::access("/sys/kernel/btf/vmlinux", R_OK) != 0) {
    problems.push_back({"ebpf_no_btf", std::string("/sys/kernel/btf/vmlinux: ") + std::strerror(errno)});
    return false;
  }
  // kernel/bpf: LOCKDOWN_BPF_READ_KERNEL is above integrity.
  if (read_whole("/sys/kernel/security/lockdown").find("[confidentiality]") != std::string::npos) {
    problems.push_back({"ebpf_lockdown", "confidentiality"});
    return false;
  }
  return true;
}

// An instance of tracefs that is seen by nobody else, for hosts that have mounted none.
UniqueFd own_tracefs() {
  constexpr unsigned kCreate = 6;  // linux/mount.h, FSCONFIG_CMD_CREATE
  const UniqueFd context(static_cast<int>(::syscall(SYS_fsopen, "tracefs", 0)));
  if (!context || ::syscall(SYS_fsconfig, context.get(), kCreate, nullptr, nullptr, 0) != 0)
    return UniqueFd();
  return UniqueFd(static_cast<int>(::syscall(SYS_fsmount, context.get(), 0, 0)));
}

// The number of the tracepoint at the end of setsid(2); 0 if it cannot be had.
uint64_t setsid_tracepoint() {
  const auto number_below = [](int directory, const char* name) {
    char text[32];
    const std::string_view digits = procfs::read_at(directory, name, text, sizeof text);
    uint64_t number = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return number;
  };
  constexpr const char* kName = "events/syscalls/sys_exit_setsid/id";
  for (const char* root : {"/sys/kernel/tracing/", "/sys/kernel/debug/tracing/"}) {
    const uint64_t number = number_below(AT_FDCWD, (std::string(root) + kName).c_str());
    if (number > 0) return number;
  }
  const UniqueFd tracefs = own_tracefs();
  return tracefs ? number_below(tracefs.get(), kName) : 0;
}

struct Load {
  const KernelProgramOptions& options;
  KernelPrograms* programs = nullptr;
  int error = 0;

  void run() {
    constexpr int kAttempts = 5;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      programs = kernel_programs_load(&options, &error);
      if (error != -EAGAIN) return;
    }
  }
};

// The verifier gives up with EAGAIN when anything is to be done in the thread that loads, a signal or work of
// io_uring (kernel/bpf/verifier.c, signal_pending in do_check): one of its own has nothing else to do.
KernelPrograms* load_undisturbed(const KernelProgramOptions& options, int& error) {
  Load load{options};
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const auto body = [](void* one) -> void* {
    static_cast<Load*>(one)->run();
    return nullptr;
  };
  if (pthread_create(&thread, nullptr, body, &load) == 0) {
    pthread_join(thread, nullptr);
  } else {
    load.run();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  error = load.error;
  return load.programs;
}

// Makes a thread and waits until it has ended. False if there can be no other.
bool make_thread() {
  pthread_t thread;
  const auto body = [](void*) -> void* { return nullptr; };
  return pthread_create(&thread, nullptr, body, nullptr) == 0 && pthread_join(thread, nullptr) == 0;
}

}  // namespace

EbpfSensor::EbpfSensor(Options options)
    : options_(std::move(options)),
      decoder_({static_cast<uint32_t>(namespace_of_ours("/proc/self/ns/mnt")), options_.environment_names}) {}

bool EbpfSensor::open(std::vector<Problem>& problems) {
  if (!can_be_tried(problems) || !load(problems)) return false;
  const int error = map_ring() ? kernel_programs_attach(programs_.get()) : -errno;
  if (error != 0) {
    problems.push_back({"ebpf_start_failed", std::strerror(-error)});
    close();
    return false;
  }
  if (options_.sessions) {
    const uint64_t tracepoint = setsid_tracepoint();
    const int refused =
        tracepoint == 0 ? -ENOENT : kernel_programs_attach_setsid(programs_.get(), tracepoint);
    if (refused != 0) problems.push_back({"ebpf_no_sessions", std::strerror(-refused)});
  }
  works_ = true;
  return true;
}

bool EbpfSensor::load(std::vector<Problem>& problems) {
  KernelProgramOptions options{};
  options.ring_bytes = static_cast<uint32_t>(options_.ring_bytes);
  options.args_max_bytes = static_cast<uint32_t>(std::min(options_.args_max_bytes, kArgsMostBytes));
  options.env_max_bytes = options_.environment_names.empty() ? 0 : kEnvMaxBytes;
  options.wake_at_bytes = options.ring_bytes / kWakeAtPart;
  options.no_chunks_at_bytes = options.ring_bytes / kNoChunksAtPart;
  int error = 0;
  programs_.reset(load_undisturbed(options, error));
  if (programs_) {
    shared_ = kernel_programs_shared(programs_.get());
    return true;
  }
  if (error == -EPERM) {
    problems.push_back({"ebpf_no_permission", std::strerror(EPERM)});
    return false;
  }
  if (error == -ENOSYS || error == -ENOMEM) {
    problems.push_back({"ebpf_unsupported", std::strerror(-error)});
    return false;
  }
  // Once more, for what the kernel has to say.
  const std::unique_ptr<char[]> log(new char[kLogBytes]);
  log[0] = '\0';
  options.log = log.get();
  options.log_bytes = kLogBytes;
  int again = 0;
  programs_.reset(load_undisturbed(options, again));
  programs_.reset();
  const std::string end = end_of({log.get(), kLogBytes});
  problems.push_back({end.empty() ? "ebpf_unsupported" : "ebpf_refused",
                      std::strerror(-error) + (end.empty() ? std::string() : ": " + end)});
  return false;
}

bool EbpfSensor::Mapping::map(int fd, int protection, size_t offset, size_t bytes) {
  reset();
  void* const at = ::mmap(nullptr, bytes, protection, MAP_SHARED, fd, static_cast<off_t>(offset));
  if (at == MAP_FAILED) return false;
  at_ = at;
  bytes_ = bytes;
  return true;
}

void EbpfSensor::Mapping::reset() {
  if (at_ != nullptr) ::munmap(at_, bytes_);
  at_ = nullptr;
}

// kernel/bpf/ringbuf.c: a page for the reader's position, which it writes, one for the writers', and the
// data, which the kernel would map twice in a row for who asks for twice as much.
bool EbpfSensor::map_ring() {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const int fd = kernel_programs_ring_fd(programs_.get());
  if (!consumer_page_.map(fd, PROT_READ | PROT_WRITE, 0, page)) return false;
  if (!producer_pages_.map(fd, PROT_READ, page, page + options_.ring_bytes)) return false;
  ring_ = Ring(reinterpret_cast<unsigned long*>(consumer_page_.at()),
               reinterpret_cast<const unsigned long*>(producer_pages_.at()), producer_pages_.at() + page,
               options_.ring_bytes);
  urgent_.reset(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event wanted{};
  // The ring is readable when anything is in it; by its edges it is when the programs wake us.
  wanted.events = EPOLLIN | EPOLLET;
  return urgent_ && ::epoll_ctl(urgent_.get(), EPOLL_CTL_ADD, fd, &wanted) == 0;
}

void EbpfSensor::close() {
  works_ = false;
  shared_ = nullptr;
  ring_ = Ring();
  urgent_.reset();
  consumer_page_.reset();
  producer_pages_.reset();
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
    // An edge of before.
    epoll_event stale;
    ::epoll_wait(urgent_.get(), &stale, 1, 0);
  }
  // Before poll looks at the ring: see wake_reader in programs/process.bpf.c.
  __atomic_store_n(&shared_->reader_state, state, __ATOMIC_SEQ_CST);
}

int EbpfSensor::nap_ms(uint64_t messages) {
  if (messages > 0) return kNapMs;
  // What waits and was not taken: its taker has no room, or its writer is not done.
  return ring_.waiting() > 0 ? kShortNapMs : 0;
}

uint64_t EbpfSensor::drain(Sink& sink, double) {
  if (!programs_) return 0;
  const uint64_t before = messages_;
  add_events(sink);
  for (const CgroupId& id : decoder_.take_forgotten()) {
    kernel_programs_forget_cgroup(programs_.get(), id.id, id.hierarchy);
  }
  return messages_ - before;
}

void EbpfSensor::add_events(Sink& sink) {
  Batch& batch = sink.batch();
  Ring::Record record;
  while (ring_.next(record)) {
    ++messages_;
    const bool is_good = decoder_.read(record.bytes, record.size, told_);
    if (!is_good) {
      ++malformed_;
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
      case Told::What::kExec:
        executed_files_.complete(told_.pid, told_.file, told_.details);
        batch.exec(Source::kEbpf, told_.pid, told_.time_ms, told_.details);
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
}

// The iterator's program cannot wait for pages of arguments that were swapped out, and there is no hurry.
void EbpfSensor::add_snapshot(Batch& batch) {
  ExecDetails& details = told_.details;
  told_of_first_ = told_of_first_ || told_.pid == kFirstPid;
  const UniqueFd process = proc_.open_process(told_.pid);
  char text[1024];
  procfs::Stat stat;
  const auto start_ticks = static_cast<uint64_t>(static_cast<double>(told_.start_ns) / kNsPerTick);
  if (process && procfs::parse_stat(procfs::read_at(process.get(), "stat", text, sizeof text), stat) &&
      stat.start_ticks == start_ticks &&
      procfs::read_command_line(process.get(), options_.args_max_bytes, snapshot_args_, details)) {
    details.args = snapshot_args_;
  } else {
    details.args_cut = details.args_bytes > 0;
  }
  executed_files_.complete(told_.pid, told_.file, details);
  batch.add(Source::kEbpf, told_.pid, told_.time_ms, told_.snapshot);
}

// All lineages end in it, and there are kernels whose iterators pass over it (seen with a Firecracker guest).
void EbpfSensor::add_first_process(Batch& batch) {
  ExecDetails& details = told_.details;
  details = ExecDetails();
  const UniqueFd process = proc_.open_process(kFirstPid);
  char text[1024];
  procfs::Stat stat;
  if (!process || !procfs::parse_stat(procfs::read_at(process.get(), "stat", text, sizeof text), stat))
    return;
  procfs::ProcessReader reader(proc_, options_.args_max_bytes, true);
  if (!reader.read(kFirstPid, details)) {
    // What does not take the right to look into it.
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
  batch.add(Source::kEbpf, kFirstPid, boottime_ms(), first);
}

void EbpfSensor::count_loss(uint32_t count, double time_ms, Batch& batch) {
  lost_ += count;
  lost_seen_ += count;
  batch.loss(Source::kEbpf, time_ms, count);
}

void EbpfSensor::snapshot(Sink& sink) {
  if (!programs_) return;
  const UniqueFd processes(kernel_programs_snapshot(programs_.get()));
  char each[kSnapshotStep];
  told_of_first_ = false;
  ssize_t n = -1;
  while (processes && ((n = ::read(processes.get(), each, sizeof each)) > 0 || (n < 0 && errno == EAGAIN))) {
    add_events(sink);
  }
  if (!told_of_first_) add_first_process(sink.batch());
  if (n == 0) return;
  problems_.push_back({"ebpf_snapshot_failed", std::strerror(errno)});
  works_ = false;
}

void EbpfSensor::tick(Sink& sink, double) {
  if (!works_) return;
  // What is lost last has no record after it that says so.
  const auto lost = static_cast<int32_t>(shared_->lost - lost_seen_);
  if (lost > 0 && ring_.waiting() == 0) {
    decoder_.told_of_loss(shared_->lost);
    count_loss(static_cast<uint32_t>(lost), boottime_ms(), sink.batch());
  }
  const uint64_t missed = kernel_programs_missed(programs_.get());
  if (missed > missed_) {
    const uint64_t newly = missed - missed_;
    missed_ = missed;
    lost_ += newly;
    sink.batch().loss(Source::kEbpf, boottime_ms(), static_cast<uint32_t>(newly));
  }
  // On a quiet host something has to happen that the programs count.
  const bool is_quiet = shared_->newtasks == newtasks_seen_;
  if (is_quiet && make_thread() && shared_->newtasks == newtasks_seen_) {
    works_ = false;
    problems_.push_back({"ebpf_stopped", "a new thread was not told of: the programs were detached"});
    sink.batch().loss(Source::kEbpf, boottime_ms(), 1);
  }
  newtasks_seen_ = shared_->newtasks;
}

SensorStats EbpfSensor::stats() const {
  SensorStats stats;
  if (works_) stats.hears = "ebpf";
  stats.messages = messages_;
  stats.lost = stats.kernel_lost = lost_;
  stats.kernel_backlog = ring_.waiting();
  stats.malformed = malformed_ + ring_.malformed();
  stats.problems = problems_;
  return stats;
}

uint64_t EbpfSensor::on_its_way() const { return ring_.waiting(); }

}  // namespace process_ancestry::ebpf
