#pragma once

#include <string>

namespace process_ancestry {

// Something that stops or degrades a sensor. The codes are part of the interface.
struct Problem {
  std::string code, detail;
};

}  // namespace process_ancestry
