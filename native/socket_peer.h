#pragma once

#include <cstdint>
#include <string>

namespace process_ancestry {

// The pid of the process that listens at a unix socket (man 7 unix, SO_PEERCRED), or -errno.
int listener_of(const std::string& path);

// The remote address of the first internet connection that a process holds, in descriptor order. Empty if the
// process has none or is gone, or if the kernel refuses or lacks pidfd_getfd (Linux 5.6).
std::string connection_peer(int32_t pid);

}  // namespace process_ancestry
