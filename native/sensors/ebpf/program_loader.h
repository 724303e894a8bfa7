#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
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

// The number of the tracepoint at the end of setsid(2); 0 if it cannot be read.
uint64_t setsid_tracepoint();

}  // namespace process_ancestry::ebpf
