#pragma once

#include <string>

#include "../events/events.h"

namespace process_ancestry::procfs {

// Reads the arguments of a process, as they are now, from its directory: at most `max_bytes` of them into
// `args`. Fills in their counts. False if the process is gone.
bool read_command_line(int process, size_t max_bytes, std::string& args, ExecDetails& details);

}  // namespace process_ancestry::procfs
