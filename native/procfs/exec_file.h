#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "../audit/audit_event.h"
#include "../event.h"
#include "proc_dir.h"

namespace process_ancestry::procfs {

// The times of the file that was executed: by its path, or by /proc/PID/exe where the path leads elsewhere (a
// container's root, a deleted file), and only if it is one of the files that the event names. Else unknown.
FileTimes exec_file_times(const ProcDir& proc, int32_t pid, std::string_view exe, const audit::FileId* files,
                          size_t count);

}  // namespace process_ancestry::procfs
