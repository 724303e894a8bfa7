#include "cgroup_moves.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace process_ancestry {
namespace {

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// Whether the file moves processes or threads in cgroup v2 or v1.
bool moves_processes(int fd) {
  char name[32], path[4096];
  std::snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  const ssize_t size = ::readlink(name, path, sizeof path);
  if (size <= 0) return false;
  const std::string_view target(path, static_cast<size_t>(size));
  return ends_with(target, "/cgroup.procs") || ends_with(target, "/tasks") ||
         ends_with(target, "/cgroup.threads");
}

struct CloseMounts {
  void operator()(FILE* file) const { ::endmntent(file); }
};

}  // namespace

int CgroupMoves::open() {
  UniqueFd events(::fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY | O_CLOEXEC));
  if (!events) return errno;
  const std::unique_ptr<FILE, CloseMounts> mounts(::setmntent("/proc/self/mounts", "re"));
  if (!mounts) return errno;
  bool marked = false;
  mntent mount;
  char text[4096];
  while (::getmntent_r(mounts.get(), &mount, text, sizeof text) != nullptr) {
    if (std::strcmp(mount.mnt_type, "cgroup2") != 0 && std::strcmp(mount.mnt_type, "cgroup") != 0) continue;
    // Watches all mounts of the file system, also those in containers. Before 4.20, watches only this mount,
    // which the host's managers use.
    const auto mark = [&](unsigned what) {
      return ::fanotify_mark(events.get(), FAN_MARK_ADD | what, FAN_MODIFY, AT_FDCWD, mount.mnt_dir) == 0;
    };
    if (!mark(FAN_MARK_FILESYSTEM) && !mark(FAN_MARK_MOUNT)) return errno;
    marked = true;
  }
  if (!marked) return ENOENT;
  events_ = std::move(events);
  watches_all();
  return 0;
}

void CgroupMoves::drain(double now_ms) {
  alignas(fanotify_event_metadata) char buffer[4096];
  // The kernel merges repeated writes to a file into one event until it is read.
  constexpr int kReadsMost = 8;
  for (int i = 0; events_ && i < kReadsMost; ++i) {
    ssize_t left = ::read(events_.get(), buffer, sizeof buffer);
    if (left <= 0) break;
    const auto* event = reinterpret_cast<const fanotify_event_metadata*>(buffer);
    for (; FAN_EVENT_OK(event, left); event = FAN_EVENT_NEXT(event, left)) {
      const UniqueFd file(event->fd);
      if ((event->mask & FAN_Q_OVERFLOW) != 0) missed_some(now_ms);
      if (!file || !moves_processes(file.get())) continue;
      wrote(event->pid, now_ms);
      read_target(file.get());
    }
  }
  inherit();
}

// The file now lists the moved process, if it lives. A manager (systemd) also moves processes that it did not
// create.
void CgroupMoves::read_target(int fd) {
  constexpr int kPidsMost = 64;
  procfs::CgroupBuffer cgroup;
  char text[4096];
  const ssize_t size = ::read(fd, text, sizeof text);
  const char* at = text;
  const char* const end = text + (size > 0 ? size : 0);
  for (int i = 0; at < end && i < kPidsMost; ++i) {
    int32_t pid = 0;
    const auto number = std::from_chars(at, end, pid);
    if (number.ec != std::errc() || number.ptr == end) return;
    is_in_target(pid, procfs::cgroup_of(proc_, pid, cgroup));
    at = number.ptr + 1;
  }
}

bool CgroupMoves::has_moved(int32_t pid) const {
  const auto at = static_cast<size_t>(pid);
  return at < moved_.size() ? moved_[at] : moved_beyond_;
}

void CgroupMoves::set_moved(int32_t pid, bool moved) {
  if (pid <= 0 || pid >= kPidsEnd || has_moved(pid) == moved) return;
  const auto at = static_cast<size_t>(pid);
  if (at >= moved_.size()) moved_.resize(at + 1, moved_beyond_);
  moved_[at] = moved;
}

void CgroupMoves::forked(int32_t pid, int32_t creator) {
  set_moved(pid, has_moved(creator));
  forks_.push_back({pid, creator});
  cgroups_.erase(pid);
  wrote_ms_.erase(pid);
}

void CgroupMoves::inherit() {
  for (const Fork& fork : forks_) {
    if (has_moved(fork.creator)) set_moved(fork.pid, true);
  }
  forks_.clear();
}

void CgroupMoves::missed_some(double now_ms) {
  moved_.clear();
  moved_beyond_ = true;
  cgroups_.clear();
  missed_ms_ = now_ms;
}

void CgroupMoves::wrote(int32_t writer, double now_ms) {
  if (writer <= 0) return;
  set_moved(writer, true);
  cgroups_.erase(writer);
  if (writer == kInit) init_wrote_ = true;
  if (wrote_ms_.size() >= kMost) {
    // For kMoverMs, any process may be a child of one of these writers.
    wrote_ms_.clear();
    missed_ms_ = now_ms;
  }
  wrote_ms_.at(writer) = now_ms;
}

void CgroupMoves::is_in_target(int32_t pid, std::string_view cgroup) {
  if (pid <= 0) return;
  set_moved(pid, true);
  // A process without an entry is in an unknown group.
  if (cgroups_.size() >= kMost) cgroups_.clear();
  cgroups_.at(pid) = cgroup;
  // If the writer is in the target, it moved itself, or another process into its own group.
  wrote_ms_.erase(pid);
  if (pid == kInit) init_wrote_ = false;
}

std::string_view CgroupMoves::moved_to(int32_t pid) {
  const std::string* const cgroup = cgroups_.find(pid);
  return cgroup != nullptr ? std::string_view(*cgroup) : std::string_view();
}

void CgroupMoves::was_read(int32_t pid) {
  set_moved(pid, false);
  cgroups_.erase(pid);
}

bool CgroupMoves::may_move_others(int32_t pid, double now_ms) {
  if (pid == kInit && init_wrote_) return true;  // systemd moves each service that it starts
  const double* const wrote_ms = wrote_ms_.find(pid);
  return wrote_ms != nullptr && now_ms - *wrote_ms < kMoverMs;
}

bool CgroupMoves::may_have_moved(int32_t pid, int32_t creator, double now_ms) {
  if (!watches_ || now_ms - missed_ms_ < kMoverMs || has_moved(pid)) return true;
  return has_moved(creator) || may_move_others(creator, now_ms);
}

}  // namespace process_ancestry
