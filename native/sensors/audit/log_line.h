#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace process_ancestry::audit {

// What a line of a recorded log is. All but the first cannot be read.
enum class LineForm : uint8_t {
  kRecord,       // one record, as the kernel or auditd writes it
  kInterpreted,  // ausearch -i: dates or names instead of numbers
  kEventLine,    // all records of an event in one line
  kJson,
  kWithoutId,  // journalctl's: type and fields, but no time and serial to join records by
  kInQuotes,   // msg="audit(…): …": the whole record in quotes
  kOther,
};
constexpr size_t kLineForms = 7;

// One line of a log: [PREFIX ][node=NAME ]type=TYPE msg=RECORD, or as the kernel prints it,
// [PREFIX ]audit: type=NUMBER RECORD. In the ENRICHED format a 0x1D and the kernel's numbers as names follow.
// A converter may have put quotes around each of these, or node=NAME at the end.
struct LogLine {
  uint16_t type = 0;          // 0 for one that the assembler does not read
  std::string_view record;    // from audit( on
  std::string_view enriched;  // what follows the 0x1D
  std::string host;           // of node=, else of the prefix; empty where neither tells
  bool has_prefix = false;    // syslog may have cut the line
};

// `result` is filled where the form is kRecord.
LineForm parse_log_line(std::string_view line, LogLine& result);

}  // namespace process_ancestry::audit
