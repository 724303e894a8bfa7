#pragma once

#include <string>

namespace process_ancestry {

// Something that keeps a sensor from working, or from working at its best. Codes are part of the interface.
struct Problem {
  std::string code, detail;
};

}  // namespace process_ancestry
