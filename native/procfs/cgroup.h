#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "proc_dir.h"

namespace process_ancestry::procfs {

// Room for a cgroup file: a path is at most 4,096 bytes long, and a host of cgroup v1 has a dozen of them.
using CgroupBuffer = std::array<char, 8192>;

// The control group of a process, as a path in its hierarchy; empty if the process is gone. Lives in
// `buffer`.
std::string_view cgroup_of(const ProcDir& proc, int32_t pid, CgroupBuffer& buffer);

// The path in the text of a cgroup file (man 7 cgroups): lines of HIERARCHY:CONTROLLERS:PATH.
std::string_view cgroup_path(std::string_view text);

}  // namespace process_ancestry::procfs
