#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "../unique_fd.h"

namespace process_ancestry::procfs {

// /proc, opened once. Paths below it are opened from there.
class ProcDir {
 public:
  ProcDir();
  int fd() const { return fd_.get(); }
  // Opens the directory of one process. It stays with that process: after its end nothing below can be
  // opened, even if the pid is reused.
  UniqueFd open_process(int32_t pid) const;
  // Inode number of a process's pid namespace; 0 if it cannot be read. errno is ENOENT if the process is
  // gone.
  double pid_namespace(int32_t pid) const;

 private:
  UniqueFd fd_;
};

// Reads a small file with one call into `buffer`, without the part that does not fit. Empty if it cannot be
// read.
std::string_view read_at(int directory, const char* name, char* buffer, size_t size);
// The target of a symbolic link; empty if it cannot be read.
std::string_view read_link_at(int directory, const char* name, char* buffer, size_t size);

// The fields of a stat file that are needed (man 5 proc_pid_stat).
struct Stat {
  char state = 0;
  int32_t ppid = 0, pgid = 0, sid = 0, tty = 0;
  uint32_t flags = 0;
  int32_t threads = 0;
  uint64_t start_ticks = 0;  // since boot, in 1/100 s
  std::string_view comm;
};
bool parse_stat(std::string_view text, Stat& stat);

}  // namespace process_ancestry::procfs
