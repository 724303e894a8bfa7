#pragma once

#include <cstdint>

#include "../../events/events.h"

namespace process_ancestry::audit {

// In which pid namespace the numbers of a setpgid count: the caller's, which audit does not tell.
enum class CallerNamespace : uint8_t { kInitial, kOther, kUnknown };

// A setpgid as its SYSCALL record has it: 0 is the caller, and the target itself.
struct SetpgidCall {
  int32_t target = 0, group = 0;
  CallerNamespace in = CallerNamespace::kUnknown;
};

// Whose process group was set, and to which.
struct GroupChange {
  int32_t pid = 0;
  int32_t pgid = 0;  // 0 if it cannot be told
  // Who called, if it was gone before its namespace could be read: the numbers are as it counted them.
  int32_t gone_caller = 0;
};

// What the call means in pids of the initial namespace. Where the numbers are another's, it is the caller
// whose group is to be looked up: a shell's child sets its own as well as its parent does. Where nobody can
// tell, they are given with the caller, for who knows its children and its session to judge.
GroupChange group_change(int32_t caller, const SetpgidCall& call);

}  // namespace process_ancestry::audit
