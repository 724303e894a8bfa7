#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "control.h"

namespace process_ancestry::audit {

// The result of cleaning up after a killed run.
struct Cleanup {
  std::optional<Problem> problem;  // the reason why something may remain
  uint32_t rules_removed = 0;
  bool settings_put_back = false;
};

// Does the cleanup of the next start and stop, without a run. Only if no instance is running: its rules would
// have the same key.
Cleanup clean_up(const std::string& our_key, const std::string& state_file);

}  // namespace process_ancestry::audit
