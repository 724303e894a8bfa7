#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "../events/events.h"
#include "cgroup.h"
#include "exec_file.h"
#include "proc_dir.h"

namespace process_ancestry::procfs {

// Reads from /proc, right after an exec, what audit would report of it. Reuses its buffers.
class ProcessReader {
 public:
  ProcessReader(const ProcDir& proc, size_t args_max_bytes, bool file_times);

  // False if the process is gone. The texts are valid until the next read.
  bool read(int32_t pid, ExecDetails& details);

 private:
  static constexpr size_t kBufferBytes = 64 << 10;

  const ProcDir& proc_;
  const size_t args_max_bytes_;
  const bool file_times_;
  std::unique_ptr<char[]> buffer_;
  std::string exe_, cwd_, comm_, tty_, args_;
  CgroupBuffer cgroup_;
  RootBuffer root_;
};

// Audit's name for a controlling terminal, from tty_nr of a stat file; empty for none.
std::string tty_name(int32_t tty);

}  // namespace process_ancestry::procfs
