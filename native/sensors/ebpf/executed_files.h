#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "../../events/events.h"
#include "record_decoder.h"

namespace process_ancestry::ebpf {

// Reads what the programs cannot read of an executed file: its creation time, its device and inode number
// where user space sees others than the kernel (btrfs, overlayfs), whether the host's path leads to a file of
// another mount namespace, and whether it has capabilities. Cached by path while the inode and its change
// time stay the same.
class ExecutedFiles {
 public:
  // Fills in `btime`, `device`, `inode`, `root` and `has_file_capabilities` of the details where they are
  // known.
  void complete(int32_t pid, const FileFacts& file, ExecDetails& details);

 private:
  struct Found {
    uint64_t ctime_ns = 0;
    double inode = 0, kernel_inode = 0, btime = 0;
    uint32_t device = 0, kernel_device = 0;
    bool by_path = false;  // found by its path, not by /proc/PID/exe
    bool has_capabilities = false;
  };
  static constexpr size_t kMax = 512;

  // By path. Replaced when another file is executed under that path.
  std::unordered_map<std::string, Found> found_;
  std::string key_;
};

}  // namespace process_ancestry::ebpf
