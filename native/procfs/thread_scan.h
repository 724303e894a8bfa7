#pragma once

#include "../sensors/connector/thread_groups.h"
#include "proc_dir.h"

namespace process_ancestry::procfs {

// Tells `groups` of every process that has more than one thread now. To be called after subscribing and
// before reading events: what happened in between is then heard of twice, which does no harm.
void seed_thread_groups(const ProcDir& proc, connector::ThreadGroups& groups);

}  // namespace process_ancestry::procfs
