#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "proc_dir.h"

namespace process_ancestry::procfs {

// A path has at most 4,096 bytes. A cgroup v1 host has about a dozen lines.
using CgroupBuffer = std::array<char, 8192>;

// The control group of a process, as a path in its hierarchy. Empty if the process is gone. The text is in
// `buffer`.
std::string_view cgroup_of(const ProcDir& proc, int32_t pid, CgroupBuffer& buffer);

// The path in the text of a cgroup file (man 7 cgroups), whose lines are HIERARCHY:CONTROLLERS:PATH.
std::string_view cgroup_path(std::string_view text);

}  // namespace process_ancestry::procfs
