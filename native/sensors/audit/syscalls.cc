#include "syscalls.h"

#include <linux/audit.h>

namespace process_ancestry::audit {
namespace {

constexpr uint32_t kNone = UINT32_MAX;

// From arch/*/kernel/syscalls/*.tbl and include/uapi/asm-generic/unistd.h.
struct Numbers {
  uint32_t arch, execve, execveat, fork, vfork, clone, clone3, exit_group, setpgid, setsid;
};
constexpr Numbers kNumbers[] = {
    {AUDIT_ARCH_X86_64, 59, 322, 57, 58, 56, 435, 231, 109, 112},
    {AUDIT_ARCH_I386, 11, 358, 2, 190, 120, 435, 252, 57, 66},
    {AUDIT_ARCH_AARCH64, 221, 281, kNone, kNone, 220, 435, 94, 154, 157},
    {AUDIT_ARCH_ARM, 11, 387, 2, 190, 120, 435, 248, 57, 66},
    {AUDIT_ARCH_RISCV64, 221, 281, kNone, kNone, 220, 435, 94, 154, 157},
    {AUDIT_ARCH_PPC64LE, 11, 362, 2, 189, 120, 435, 234, 57, 66},
    {AUDIT_ARCH_S390X, 11, 354, 2, 190, 120, 435, 248, 57, 66},
};

const Numbers* numbers_of(uint32_t arch) {
  for (const Numbers& numbers : kNumbers) {
    if (numbers.arch == arch) return &numbers;
  }
  return nullptr;
}

}  // namespace

Call call_of(uint32_t arch, uint32_t number) {
  constexpr uint32_t kX32Bit = 0x40000000, kX32Execve = kX32Bit + 520, kX32Execveat = kX32Bit + 545;
  if (arch == AUDIT_ARCH_X86_64 && (number & kX32Bit) != 0) {
    if (number == kX32Execve) return Call::kExecve;
    if (number == kX32Execveat) return Call::kExecveat;
    number -= kX32Bit;
    if (number == 59 || number == 322) return Call::kOther;  // x32 has its own exec
  }
  const Numbers* n = numbers_of(arch);
  if (n == nullptr) return Call::kUnknownArch;
  if (number == kNone) return Call::kOther;
  if (number == n->execve) return Call::kExecve;
  if (number == n->execveat) return Call::kExecveat;
  if (number == n->fork) return Call::kFork;
  if (number == n->vfork) return Call::kVfork;
  if (number == n->clone) return Call::kClone;
  if (number == n->clone3) return Call::kClone3;
  if (number == n->exit_group) return Call::kExitGroup;
  if (number == n->setpgid) return Call::kSetpgid;
  if (number == n->setsid) return Call::kSetsid;
  return Call::kOther;
}

uint32_t native_arch() {
#if defined(__x86_64__)
  return AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
  return AUDIT_ARCH_AARCH64;
#else
#error "audit rules are written for x86_64 and aarch64"
#endif
}

uint32_t compat_arch() {
#if defined(__x86_64__)
  return AUDIT_ARCH_I386;
#else
  return AUDIT_ARCH_ARM;
#endif
}

bool number_of(uint32_t arch, Call call, uint32_t& number) {
  const Numbers* n = numbers_of(arch);
  if (n == nullptr) return false;
  switch (call) {
    case Call::kExecve:
      number = n->execve;
      break;
    case Call::kExecveat:
      number = n->execveat;
      break;
    case Call::kFork:
      number = n->fork;
      break;
    case Call::kVfork:
      number = n->vfork;
      break;
    case Call::kClone:
      number = n->clone;
      break;
    case Call::kClone3:
      number = n->clone3;
      break;
    case Call::kExitGroup:
      number = n->exit_group;
      break;
    case Call::kSetpgid:
      number = n->setpgid;
      break;
    case Call::kSetsid:
      number = n->setsid;
      break;
    case Call::kUnknownArch:
    case Call::kOther:
      return false;
  }
  return number != kNone;
}

}  // namespace process_ancestry::audit
