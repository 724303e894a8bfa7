#pragma once

#include <cstdint>

namespace process_ancestry::audit {

// The system calls that change ancestry, groups and sessions. Their numbers depend on the architecture.
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

// `arch` is arch= of a SYSCALL record (linux/audit.h, AUDIT_ARCH_*), `number` is syscall=.
Call call_of(uint32_t arch, uint32_t number);

// The architectures that can run on this machine: its own, and its 32-bit one (0 if none).
uint32_t native_arch();
uint32_t compat_arch();

// False if the architecture has no such call.
bool number_of(uint32_t arch, Call call, uint32_t& number);

}  // namespace process_ancestry::audit
