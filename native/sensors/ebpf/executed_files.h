#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "../../events/events.h"
#include "record_decoder.h"

namespace process_ancestry::ebpf {

// Asks user space's side of the file system for what the programs cannot read of an executed file: when it
// was made, its numbers where a file system shows others than it has inside (btrfs, overlayfs), and whether
// the host's path leads to a file of another mount namespace. Once for each file, by its path, for as long as
// its inode is the same and unchanged.
class ExecutedFiles {
 public:
  // Fills in `btime`, `device`, `inode` and `root` of the details, as far as they can be had.
  void complete(int32_t pid, const FileFacts& file, ExecDetails& details);

 private:
  struct Found {
    uint64_t ctime_ns = 0;
    double inode = 0, kernel_inode = 0, btime = 0;
    uint32_t device = 0, kernel_device = 0;
    bool by_path = false;  // and not by the process
  };
  static constexpr size_t kMax = 512;

  // By path. A file that is found under a path is not looked up again until another is executed there.
  std::unordered_map<std::string, Found> found_;
  std::string key_;
};

}  // namespace process_ancestry::ebpf
