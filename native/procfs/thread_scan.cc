#include "thread_scan.h"

#include <dirent.h>
#include <fcntl.h>

#include <charconv>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace process_ancestry::procfs {
namespace {

constexpr uint32_t kExiting = 0x4, kKernelThread = 0x200000;  // linux/sched.h, PF_EXITING, PF_KTHREAD
constexpr size_t kStatBytes = 1024;

struct CloseDir {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDir>;

Directory open_directory(int at, const char* name) {
  UniqueFd fd(::openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  Directory directory(fd ? ::fdopendir(fd.get()) : nullptr);
  if (directory) fd.release();  // closedir closes it
  return directory;
}

// 0 if the name is not a number.
int32_t number_of(const char* name) {
  int32_t number = 0;
  const char* const end = name + std::strlen(name);
  const auto result = std::from_chars(name, end, number);
  return result.ec == std::errc() && result.ptr == end ? number : 0;
}

}  // namespace

void seed_processes(const ProcDir& proc, connector::ThreadGroups& groups, connector::KernelChildren& kernel) {
  const Directory processes = open_directory(proc.fd(), ".");
  if (!processes) return;
  std::vector<int32_t> tids;
  char text[kStatBytes];
  while (const dirent* entry = ::readdir(processes.get())) {
    const int32_t tgid = number_of(entry->d_name);
    if (tgid <= 0) continue;
    const UniqueFd process = proc.open_process(tgid);
    Stat leader;
    if (!process || !parse_stat(read_at(process.get(), "stat", text, sizeof text), leader)) continue;
    if ((leader.flags & kKernelThread) != 0) kernel.seed(tgid, leader.ppid);
    if (leader.threads <= 1) continue;
    const Directory threads = open_directory(process.get(), "task");
    if (!threads) continue;
    tids.clear();
    while (const dirent* task = ::readdir(threads.get())) {
      const int32_t tid = number_of(task->d_name);
      if (tid <= 0 || tid == tgid) continue;
      const std::string path = std::string("task/") + task->d_name + "/stat";
      Stat thread;
      if (!parse_stat(read_at(process.get(), path.c_str(), text, sizeof text), thread)) continue;
      if ((thread.flags & kExiting) == 0) tids.push_back(tid);
    }
    groups.seed(tgid, leader.state != 'Z', tids.data(), tids.size());
  }
}

}  // namespace process_ancestry::procfs
