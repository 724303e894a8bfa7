#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "control.h"

namespace process_ancestry::audit {

// What was done about what a killed run left in the kernel.
struct Cleanup {
  std::optional<Problem> problem;  // with which something may be left
  uint32_t rules_removed = 0;
  bool settings_put_back = false;
};

// Does without a run what the next start and stop would do. For when none of us runs: the rules of one that
// does have the same key.
Cleanup clean_up(const std::string& our_key, const std::string& state_file);

}  // namespace process_ancestry::audit
