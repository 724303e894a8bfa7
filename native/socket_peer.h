#pragma once

#include <string>

namespace process_ancestry {

// Who listens at a unix socket (man 7 unix, SO_PEERCRED): the process's pid, or -errno.
int listener_of(const std::string& path);

}  // namespace process_ancestry
