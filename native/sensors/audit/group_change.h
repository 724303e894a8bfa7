#pragma once

#include <cstdint>

#include "../../events/events.h"

namespace process_ancestry::audit {

// The pid namespace of the numbers in a setpgid. It is the caller's, which audit does not report.
enum class CallerNamespace : uint8_t { kInitial, kOther, kUnknown };

// A setpgid as in its SYSCALL record. Target 0 is the caller, group 0 is the target.
struct SetpgidCall {
  int32_t target = 0, group = 0;
  CallerNamespace in = CallerNamespace::kUnknown;
};

// The process whose group was set, and the group.
struct GroupChange {
  int32_t pid = 0;
  int32_t pgid = 0;  // 0 if unknown
  // The caller, if it was gone before its namespace could be read. The numbers are then in an unknown
  // namespace.
  int32_t gone_caller = 0;
};

// Translates the call to pids of the initial namespace. If the numbers are of another namespace, the result
// is the caller, whose group must be looked up: a shell's child sets its own group as its parent does. If the
// namespace is unknown, the result has the numbers and the caller; the receiver can check them against the
// caller's children and session.
GroupChange group_change(int32_t caller, const SetpgidCall& call);

}  // namespace process_ancestry::audit
