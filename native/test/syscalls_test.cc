#include "../sensors/audit/syscalls.h"

#include <linux/audit.h>

#include "harness.h"

namespace process_ancestry::audit {
namespace {

TEST("calls are distinguished by architecture") {
  CHECK(call_of(AUDIT_ARCH_X86_64, 59) == Call::kExecve);
  CHECK(call_of(AUDIT_ARCH_I386, 11) == Call::kExecve);
  CHECK(call_of(AUDIT_ARCH_I386, 59) == Call::kOther);
  CHECK(call_of(AUDIT_ARCH_AARCH64, 221) == Call::kExecve);
  CHECK(call_of(AUDIT_ARCH_AARCH64, 281) == Call::kExecveat);
  CHECK(call_of(0, 59) == Call::kUnknownArch);
}

TEST("group and session calls have different numbers on each architecture") {
  CHECK(call_of(AUDIT_ARCH_X86_64, 109) == Call::kSetpgid);
  CHECK(call_of(AUDIT_ARCH_X86_64, 0x40000000 + 109) == Call::kSetpgid);
  CHECK(call_of(AUDIT_ARCH_I386, 57) == Call::kSetpgid);
  CHECK(call_of(AUDIT_ARCH_AARCH64, 154) == Call::kSetpgid);
  CHECK(call_of(AUDIT_ARCH_X86_64, 112) == Call::kSetsid);
  CHECK(call_of(AUDIT_ARCH_I386, 66) == Call::kSetsid);
  CHECK(call_of(AUDIT_ARCH_AARCH64, 157) == Call::kSetsid);
}

TEST("a call that an architecture lacks is not found") {
  uint32_t number = 0;
  CHECK(!number_of(AUDIT_ARCH_AARCH64, Call::kFork, number));
  CHECK(call_of(AUDIT_ARCH_AARCH64, UINT32_MAX) == Call::kOther);
}

TEST("x32 has its own exec numbers") {
  CHECK(call_of(AUDIT_ARCH_X86_64, 0x40000000 + 520) == Call::kExecve);
  CHECK(call_of(AUDIT_ARCH_X86_64, 0x40000000 + 545) == Call::kExecveat);
  CHECK(call_of(AUDIT_ARCH_X86_64, 0x40000000 + 59) == Call::kOther);
  CHECK(call_of(AUDIT_ARCH_X86_64, 0x40000000 + 56) == Call::kClone);
}

}  // namespace
}  // namespace process_ancestry::audit
