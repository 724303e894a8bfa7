#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../problem.h"
#include "kernel_programs.h"

namespace process_ancestry::ebpf {

struct UnloadPrograms {
  void operator()(KernelPrograms* programs) const { kernel_programs_close(programs); }
};
using Programs = std::unique_ptr<KernelPrograms, UnloadPrograms>;

// Loads the programs into the kernel. If the kernel refuses, returns null and adds a problem with the reason.
Programs load_programs(KernelProgramOptions options, std::vector<Problem>& problems);

// Inode number of one of this process's namespaces, as in /proc/self/ns; 0 if it cannot be read.
uint32_t own_namespace(const char* name);

// The numbers of tracepoints of system calls by name, such as sys_exit_setsid; 0 if it cannot be read.
std::vector<uint64_t> call_tracepoints(const std::vector<std::string>& names);

}  // namespace process_ancestry::ebpf
