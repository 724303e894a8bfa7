#pragma once

#include "../sensors/connector/kernel_children.h"
#include "../sensors/connector/thread_groups.h"
#include "proc_dir.h"

namespace process_ancestry::procfs {

// Tells `groups` of every process that has more than one thread now, and `kernel` of its own threads. To be
// called after subscribing and before reading events: what happened in between is then heard of twice, which
// does no harm.
void seed_processes(const ProcDir& proc, connector::ThreadGroups& groups, connector::KernelChildren& kernel);

}  // namespace process_ancestry::procfs
