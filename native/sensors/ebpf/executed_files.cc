#include "executed_files.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <charconv>
#include <cmath>
#include <cstring>

#include "../../procfs/file_times.h"
#include "../../unique_fd.h"

namespace process_ancestry::ebpf {
namespace {

// linux/magic.h. On these file systems a server or a user's process answers, and may not answer for a long
// time.
bool may_keep_waiting(uint32_t file_system) {
  constexpr uint32_t kFuse = 0x65735546, kNfs = 0x6969, kSmb = 0x517b, kCifs = 0xff534d42, kSmb2 = 0xfe534d42,
                     kNinep = 0x01021997, kAfs = 0x5346414f, kCeph = 0x00c36400, kCoda = 0x73757245;
  for (const uint32_t one : {kFuse, kNfs, kSmb, kCifs, kSmb2, kNinep, kAfs, kCeph, kCoda}) {
    if (file_system == one) return true;
  }
  return false;
}

uint64_t ctime_ns_of(const struct statx& about) {
  return static_cast<uint64_t>(about.stx_ctime.tv_sec) * 1000000000 + about.stx_ctime.tv_nsec;
}

// Whether `about` is the executed file. On some file systems statx shows other numbers than the kernel has.
// There the change time (in nanoseconds), the size and the mode identify the file.
bool is_the_file(const struct statx& about, const FileFacts& file, const ExecDetails& details) {
  const bool same_device = makedev(about.stx_dev_major, about.stx_dev_minor) == details.device;
  const bool same_inode = static_cast<double>(about.stx_ino) == details.inode;
  if (same_device) return same_inode;
  constexpr uint32_t kBtrfs = 0x9123683e, kOverlay = 0x794c7630;
  if (file.file_system != kBtrfs && file.file_system != kOverlay) return false;
  return ctime_ns_of(about) == file.ctime_ns && static_cast<double>(about.stx_size) == details.size &&
         about.stx_mode == details.mode && (same_inode || file.file_system == kOverlay);
}

// Opens a file only to read its attributes.
UniqueFd open_path(const char* path) { return UniqueFd(::open(path, O_PATH | O_CLOEXEC)); }

bool stat_file(const UniqueFd& opened, struct statx& about) {
  return opened && procfs::stat_times(opened.get(), "", about);
}

// man 7 capabilities, "File capabilities". Descriptors of open(2) with O_PATH cannot be given to fgetxattr.
bool has_capabilities(const UniqueFd& opened) {
  const std::string path = "/proc/self/fd/" + std::to_string(opened.get());
  return ::getxattr(path.c_str(), "security.capability", nullptr, 0) > 0;
}

}  // namespace

void ExecutedFiles::complete(int32_t pid, const FileFacts& file, ExecDetails& details) {
  if (file.file_system == 0 || may_keep_waiting(file.file_system) || details.is_deleted) return;
  if (file.lookup_path.empty()) return;
  // Files in two mount namespaces may have the same path.
  key_.assign(details.root == "/" ? std::string_view() : details.root)
      .append(1, '\0')
      .append(file.lookup_path);
  auto known = found_.find(key_);
  if (known != found_.end()) {
    const Found& found = known->second;
    const bool is_same = found.kernel_inode == details.inode && found.kernel_device == details.device &&
                         found.ctime_ns == file.ctime_ns;
    if (!is_same) {
      found_.erase(known);
      known = found_.end();
    }
  }
  if (known == found_.end()) {
    struct statx about;
    char exe[32] = "/proc/";
    char* const end = std::to_chars(exe + std::strlen(exe), exe + sizeof exe - sizeof "/exe", pid).ptr;
    std::memcpy(end, "/exe", sizeof "/exe");
    const std::string path(file.lookup_path);
    UniqueFd opened = open_path(path.c_str());
    const bool by_path = stat_file(opened, about) && is_the_file(about, file, details);
    if (!by_path) {
      opened = open_path(exe);
      if (!stat_file(opened, about) || !is_the_file(about, file, details)) return;
    }
    if (found_.size() >= kMax) found_.clear();
    Found found;
    found.ctime_ns = file.ctime_ns;
    found.kernel_inode = details.inode;
    found.kernel_device = details.device;
    const procfs::FileTimes times = procfs::times_of(about);
    found.btime = times.btime;
    found.inode = times.inode;
    found.device = static_cast<uint32_t>(makedev(about.stx_dev_major, about.stx_dev_minor));
    found.by_path = by_path;
    // A change of capabilities sets the change time.
    found.has_capabilities = ctime_ns_of(about) == file.ctime_ns && has_capabilities(opened);
    known = found_.emplace(key_, found).first;
  }
  const Found& found = known->second;
  details.btime = found.btime;
  details.inode = found.inode;
  details.device = found.device;
  details.has_file_capabilities = found.has_capabilities;
  if (found.by_path && !file.is_in_own_mounts) details.root = "/";
}

}  // namespace process_ancestry::ebpf
