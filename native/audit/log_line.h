#pragma once

#include <cstdint>
#include <string_view>

namespace process_ancestry::audit {

// One line of auditd's log: [node=NAME ]type=TYPE msg=RECORD, and in the ENRICHED format a 0x1D and the
// kernel's numbers as names behind it, which are left out.
struct LogLine {
  uint16_t type = 0;        // 0 for one that the assembler does not read
  std::string_view record;  // from audit( on
};

// False if it is no such line.
bool parse_log_line(std::string_view line, LogLine& result);

}  // namespace process_ancestry::audit
