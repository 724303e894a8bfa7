#include "group_change.h"

namespace process_ancestry::audit {

GroupChange group_change(int32_t caller, const SetpgidCall& call) {
  const bool only_itself = call.target == 0 && call.group == 0;
  // If a process names itself by the pid in audit's record, it is in audit's pid namespace.
  const bool named_itself = call.target == caller || (call.target == 0 && call.group == caller);
  const bool numbers_hold = call.in == CallerNamespace::kInitial || only_itself ||
                            (call.in == CallerNamespace::kUnknown && named_itself);
  if (!numbers_hold && call.in == CallerNamespace::kOther) return {caller, 0, 0};
  const int32_t pid = call.target != 0 ? call.target : caller;
  return {pid, call.group != 0 ? call.group : pid, numbers_hold ? 0 : caller};
}

}  // namespace process_ancestry::audit
