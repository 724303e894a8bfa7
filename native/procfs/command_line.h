#pragma once

#include <string>

#include "../events/events.h"

namespace process_ancestry::procfs {

// Reads the present arguments of a process from its directory: at most `max_bytes` into `args`. Sets their
// counts in `details`. False if the process is gone.
bool read_command_line(int process, size_t max_bytes, std::string& args, ExecDetails& details);

}  // namespace process_ancestry::procfs
