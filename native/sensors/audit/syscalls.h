#pragma once

#include <cstdint>

namespace process_ancestry::audit {

// The system calls that say something about ancestry, groups and sessions; their numbers differ by
// architecture.
enum class Call : uint8_t {
  kUnknownArch,
  kOther,
  kExecve,
  kExecveat,
  kFork,
  kVfork,
  kClone,
  kClone3,
  kExitGroup,
  kSetpgid,
  kSetsid
};

// `arch` as in arch= of a SYSCALL record (linux/audit.h, AUDIT_ARCH_*), `number` as in syscall=.
Call call_of(uint32_t arch, uint32_t number);

// Architectures that can run on this machine: its own, and its 32-bit one (0 if it has none).
uint32_t native_arch();
uint32_t compat_arch();

// False if the architecture has no such call.
bool number_of(uint32_t arch, Call call, uint32_t& number);

}  // namespace process_ancestry::audit
