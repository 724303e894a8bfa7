#include "exec_file.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include <charconv>
#include <cstring>

#include "file_times.h"

namespace process_ancestry::procfs {
namespace {

bool is_one_of(const struct statx& about, const audit::FileId* files, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (files[i].inode != about.stx_ino) continue;
    // btrfs and overlayfs give stat another device number than the one that audit sees; those have major 0.
    if (about.stx_dev_major == 0) return true;
    if (files[i].dev_major == about.stx_dev_major && files[i].dev_minor == about.stx_dev_minor) return true;
  }
  return false;
}

}  // namespace

FileTimes exec_file_times(const ProcDir& proc, int32_t pid, std::string_view exe, const audit::FileId* files,
                          size_t count) {
  char path[PATH_MAX];
  struct statx about;
  if (count == 0) return {};
  if (!exe.empty() && exe.front() == '/' && exe.size() < sizeof path) {
    std::memcpy(path, exe.data(), exe.size());
    path[exe.size()] = '\0';
    if (stat_times(AT_FDCWD, path, about) && is_one_of(about, files, count)) return times_of(about);
  }
  constexpr std::string_view kRest = "/exe";
  char* end = std::to_chars(path, path + 16, pid).ptr;
  std::memcpy(end, kRest.data(), kRest.size());
  end[kRest.size()] = '\0';
  if (stat_times(proc.fd(), path, about) && is_one_of(about, files, count)) return times_of(about);
  return {};
}

}  // namespace process_ancestry::procfs
