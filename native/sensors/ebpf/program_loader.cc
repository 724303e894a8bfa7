#include "program_loader.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>

#include "../../procfs/proc_dir.h"
#include "../../unique_fd.h"

namespace process_ancestry::ebpf {
namespace {

// The kernel writes the logs of all programs one over the other. Before 6.4 it fails with its own error if a
// log does not fit.
constexpr uint32_t kLogBytes = 16 << 20;
constexpr size_t kLogEndBytes = 600;

std::string read_whole(const char* path) {
  char text[4096];
  return std::string(procfs::read_at(AT_FDCWD, path, text, sizeof text));
}

// The last lines of the verifier's log.
std::string end_of(std::string_view log) {
  log = log.substr(0, log.find('\0'));
  while (!log.empty() && log.back() == '\n') log.remove_suffix(1);
  if (log.size() > kLogEndBytes) log.remove_prefix(log.size() - kLogEndBytes);
  return std::string(log);
}

// Checks that need no attempt to load.
bool can_be_tried(std::vector<Problem>& problems) {
  constexpr uint32_t kInitialPidNamespace = 0xeffffffc;  // include/linux/proc_ns.h, PROC_PID_INIT_INO
  if (own_namespace("pid") != kInitialPidNamespace) {
    problems.push_back({"ebpf_pid_namespace", "not in the initial pid namespace"});
    return false;
  }
  if (::access("/sys/kernel/btf/vmlinux", R_OK) != 0) {
    problems.push_back({"ebpf_no_btf", std::string("/sys/kernel/btf/vmlinux: ") + std::strerror(errno)});
    return false;
  }
  // kernel/bpf: LOCKDOWN_BPF_READ_KERNEL belongs to the confidentiality level, not to integrity.
  if (read_whole("/sys/kernel/security/lockdown").find("[confidentiality]") != std::string::npos) {
    problems.push_back({"ebpf_lockdown", "confidentiality"});
    return false;
  }
  return true;
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

// The verifier fails with EAGAIN if the loading thread has pending work, such as a signal or io_uring
// (kernel/bpf/verifier.c, signal_pending in do_check). A new thread has no other work.
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

// A private mount of tracefs, for hosts where it is not mounted.
UniqueFd own_tracefs() {
  constexpr unsigned kCreate = 6;  // linux/mount.h, FSCONFIG_CMD_CREATE
  const UniqueFd context(static_cast<int>(::syscall(SYS_fsopen, "tracefs", 0)));
  if (!context || ::syscall(SYS_fsconfig, context.get(), kCreate, nullptr, nullptr, 0) != 0)
    return UniqueFd();
  return UniqueFd(static_cast<int>(::syscall(SYS_fsmount, context.get(), 0, 0)));
}

}  // namespace

uint32_t own_namespace(const char* name) {
  char link[64];
  const std::string_view text =
      procfs::read_link_at(AT_FDCWD, (std::string("/proc/self/ns/") + name).c_str(), link, sizeof link);
  const size_t open = text.find('[');
  uint32_t inode = 0;
  if (open != std::string_view::npos) {
    std::from_chars(text.data() + open + 1, text.data() + text.size(), inode);
  }
  return inode;
}

Programs load_programs(KernelProgramOptions options, std::vector<Problem>& problems) {
  if (!can_be_tried(problems)) return nullptr;
  int error = 0;
  Programs programs(load_undisturbed(options, error));
  if (programs) return programs;
  if (error == -EPERM) {
    problems.push_back({"ebpf_no_permission", std::strerror(EPERM)});
    return nullptr;
  }
  if (error == -ENOSYS || error == -ENOMEM) {
    problems.push_back({"ebpf_unsupported", std::strerror(-error)});
    return nullptr;
  }
  // Tries again with a log, to report the kernel's reason.
  const std::unique_ptr<char[]> log(new char[kLogBytes]);
  log[0] = '\0';
  options.log = log.get();
  options.log_bytes = kLogBytes;
  int again = 0;
  programs.reset(load_undisturbed(options, again));
  if (programs) return programs;
  const std::string end = end_of({log.get(), kLogBytes});
  problems.push_back({end.empty() ? "ebpf_unsupported" : "ebpf_refused",
                      std::strerror(-error) + (end.empty() ? std::string() : ": " + end)});
  return nullptr;
}

std::vector<uint64_t> call_tracepoints(const std::vector<std::string>& names) {
  std::vector<uint64_t> numbers(names.size());
  const auto find_below = [&](int directory, const char* root) {
    for (size_t i = 0; i < names.size(); ++i) {
      char text[32];
      const std::string path = root + ("events/syscalls/" + names[i]) + "/id";
      const std::string_view digits = procfs::read_at(directory, path.c_str(), text, sizeof text);
      std::from_chars(digits.data(), digits.data() + digits.size(), numbers[i]);
    }
    return std::find(numbers.begin(), numbers.end(), 0) == numbers.end();
  };
  for (const char* root : {"/sys/kernel/tracing/", "/sys/kernel/debug/tracing/"}) {
    if (find_below(AT_FDCWD, root)) return numbers;
  }
  if (const UniqueFd tracefs = own_tracefs()) find_below(tracefs.get(), "");
  return numbers;
}

}  // namespace process_ancestry::ebpf
