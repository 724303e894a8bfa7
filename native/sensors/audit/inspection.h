#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "control.h"
#include "rule.h"

namespace process_ancestry::audit {

// What one rule means to the recording of execs.
struct RuleView {
  bool ours = false, silences_all_tasks = false, covers_exec = false;
  Hiding hides_execs = Hiding::kNone;
  uint32_t excluded_type = 0;  // of records, 0 for none
};

// The audit system as it is now. Asks, and changes nothing.
struct Inspection {
  int error = 0;  // errno of opening the socket, of AUDIT_GET or of AUDIT_LIST_RULES
  Status status;
  std::vector<RuleView> rules;  // in the kernel's order: the first that matches decides
};
Inspection inspect(std::string_view our_key);

// What a start would do now, without what an earlier run saved.
Plan plan_now(std::string_view our_key);

}  // namespace process_ancestry::audit
