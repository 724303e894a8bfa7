#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace process_ancestry::audit {

// The form of a line in a recorded log. Only kRecord can be read.
enum class LineForm : uint8_t {
  kRecord,       // one record, as the kernel or auditd writes it
  kInterpreted,  // ausearch -i: dates or names instead of numbers
  kEventLine,    // all records of an event in one line
  kJson,
  kWithoutId,  // journalctl: type and fields, but no time and serial to join records by
  kInQuotes,   // msg="audit(…): …": the whole record in quotes
  kOther,
};
constexpr size_t kLineForms = 7;

// One line of a log: [PREFIX ][node=NAME ]type=TYPE msg=RECORD, or in the kernel log [PREFIX ]audit:
// type=NUMBER RECORD. The ENRICHED format appends a 0x1D and the names of the numbers. A converter may have
// put quotes around each of these, or node=NAME at the end.
struct LogLine {
  uint16_t type = 0;          // 0 for a type that the assembler does not read
  std::string_view record;    // from audit( on
  std::string_view enriched;  // the part after the 0x1D
  std::string host;           // from node=, else from the prefix; empty if neither has it
  bool has_prefix = false;    // syslog may have cut the line
};

// Fills in `result` if the form is kRecord.
LineForm parse_log_line(std::string_view line, LogLine& result);

}  // namespace process_ancestry::audit
