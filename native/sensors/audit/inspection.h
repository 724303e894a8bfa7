#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "control.h"
#include "rule.h"

namespace process_ancestry::audit {

// How one rule affects the recording of execs.
struct RuleView {
  bool ours = false, silences_all_tasks = false, covers_exec = false;
  Hiding hides_execs = Hiding::kNone;
  uint32_t excluded_type = 0;  // excluded record type, 0 for none
};

// The present state of the audit system. Changes nothing.
struct Inspection {
  int error = 0;  // errno of opening the socket, of AUDIT_GET or of AUDIT_LIST_RULES
  Status status;
  std::vector<RuleView> rules;  // in the kernel's order: the first match decides
};
Inspection inspect(std::string_view our_key);

// The plan of a start now, without an earlier run's saved settings.
Plan plan_now(std::string_view our_key);

}  // namespace process_ancestry::audit
