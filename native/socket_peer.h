#pragma once

#include <cstdint>
#include <string>

namespace process_ancestry {

// Who listens at a unix socket (man 7 unix, SO_PEERCRED): the process's pid, or -errno.
int listener_of(const std::string& path);

// The address at the other end of the first internet connection, by descriptor number, that a process holds.
// Empty if it holds none, is gone, or the kernel refuses or lacks pidfd_getfd (Linux 5.6).
std::string connection_peer(int32_t pid);

}  // namespace process_ancestry
