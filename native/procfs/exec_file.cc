#include "exec_file.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include <cstring>

#include "../unique_fd.h"
#include "file_times.h"

namespace process_ancestry::procfs {
namespace {

// How well `about` matches one of the files. On btrfs and overlayfs stat shows another device number (with
// major 0) than audit. Then only the inode numbers can match, and the file may be on another file system.
enum class Match : uint8_t { kNone, kInode, kFile };

Match match(const struct statx& about, const audit::FileId* files, size_t count) {
  Match best = Match::kNone;
  for (size_t i = 0; i < count; ++i) {
    if (files[i].inode != about.stx_ino) continue;
    if (files[i].dev_major == about.stx_dev_major && files[i].dev_minor == about.stx_dev_minor)
      return Match::kFile;
    if (about.stx_dev_major == 0) best = Match::kInode;
  }
  return best;
}

bool stat_host_path(std::string_view path, struct statx& about) {
  char text[PATH_MAX];
  if (path.empty() || path.front() != '/' || path.size() >= sizeof text) return false;
  std::memcpy(text, path.data(), path.size());
  text[path.size()] = '\0';
  return stat_times(AT_FDCWD, text, about);
}

bool is_same_file(const struct statx& a, const struct statx& b) {
  return a.stx_ino == b.stx_ino && a.stx_dev_major == b.stx_dev_major && a.stx_dev_minor == b.stx_dev_minor;
}

// The root of a path that does not lead to the executed file on the host.
std::string_view other_root(int process, std::string_view exe, RootBuffer& buffer) {
  char own[64], link[PATH_MAX];
  const std::string_view own_mounts = read_link_at(AT_FDCWD, "/proc/self/ns/mnt", own, sizeof own);
  const std::string_view mounts = read_link_at(process, "ns/mnt", buffer.data(), buffer.size());
  if (mounts.empty() || own_mounts.empty()) return {};
  if (mounts != own_mounts) return mounts;
  // In our mount namespace /proc shows paths in our root. A removed or replaced file still has its old path.
  const std::string_view shown = read_link_at(process, "exe", link, sizeof link);
  constexpr std::string_view kDeleted = " (deleted)";
  const bool is_deleted = shown.size() == exe.size() + kDeleted.size() &&
                          shown.substr(exe.size()) == kDeleted && shown.substr(0, exe.size()) == exe;
  if (shown == exe || is_deleted) return "/";
  const std::string_view root = read_link_at(process, "root", buffer.data(), buffer.size());
  // The process has executed another file since.
  return root == "/" ? std::string_view() : root;
}

}  // namespace

ExecFile exec_file(const ProcDir& proc, int32_t pid, std::string_view exe, const audit::FileId* files,
                   size_t count, RootBuffer& buffer) {
  ExecFile found;
  struct statx at_path, at_process;
  if (count == 0) return found;
  const Match by_path = stat_host_path(exe, at_path) ? match(at_path, files, count) : Match::kNone;
  if (by_path != Match::kNone) found.times = times_of(at_path);
  if (by_path == Match::kFile) {
    found.root = "/";
    return found;
  }
  const UniqueFd process = proc.open_process(pid);
  if (!process || !stat_times(process.get(), "exe", at_process)) return found;
  if (match(at_process, files, count) == Match::kNone) return found;  // it executed another file since
  if (by_path == Match::kNone) found.times = times_of(at_process);
  found.root = root_of(process.get(), exe, at_process, buffer);
  return found;
}

std::string_view root_of(int process, std::string_view exe, const struct statx& about, RootBuffer& buffer) {
  struct statx at_path;
  if (stat_host_path(exe, at_path) && is_same_file(at_path, about)) return "/";
  return other_root(process, exe, buffer);
}

}  // namespace process_ancestry::procfs
