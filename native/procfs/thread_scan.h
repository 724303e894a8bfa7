#pragma once

#include "../sensors/connector/kernel_children.h"
#include "../sensors/connector/thread_groups.h"
#include "proc_dir.h"

namespace process_ancestry::procfs {

// Adds every process with more than one thread to `groups`, and all kernel threads to `kernel`. Call it after
// subscribing and before reading events. Events in between are then seen twice, which does no harm.
void seed_processes(const ProcDir& proc, connector::ThreadGroups& groups, connector::KernelChildren& kernel);

}  // namespace process_ancestry::procfs
