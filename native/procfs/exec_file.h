#pragma once

#include <sys/stat.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "../events/events.h"
#include "../sensors/audit/audit_event.h"
#include "file_times.h"
#include "proc_dir.h"

namespace process_ancestry::procfs {

// A longer root directory is not reported.
using RootBuffer = std::array<char, 4096>;

// The executed file.
struct ExecFile {
  // Unknown if neither the path nor /proc/PID/exe leads to a file in the event.
  FileTimes times;
  // "/" if the host's path leads to that file. Else the host's path of the process's root directory, or
  // mnt:[INODE] for another mount namespace. Empty if the process is gone.
  std::string_view root;
};

// `exe` is a path in the process's root directory. The text of the root is in `buffer`.
ExecFile exec_file(const ProcDir& proc, int32_t pid, std::string_view exe, const audit::FileId* files,
                   size_t count, RootBuffer& buffer);

// The same for a path from /proc/PID/exe. `process` is the process's directory, `about` its executed file.
std::string_view root_of(int process, std::string_view exe, const struct statx& about, RootBuffer& buffer);

}  // namespace process_ancestry::procfs
