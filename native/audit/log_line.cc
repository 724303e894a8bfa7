#include "log_line.h"

#include "assembler.h"
#include "record.h"

namespace process_ancestry::audit {
namespace {

bool consume(std::string_view& text, std::string_view start) {
  if (text.substr(0, start.size()) != start) return false;
  text.remove_prefix(start.size());
  return true;
}

// A name as ausearch knows it, UNKNOWN[1329], or a number.
uint16_t type_of(std::string_view text) {
  struct Named {
    std::string_view name;
    RecordType type;
  };
  constexpr Named kNames[] = {{"SYSCALL", kSyscall},
                              {"EXECVE", kExecve},
                              {"CWD", kCwd},
                              {"PATH", kPath},
                              {"EOE", kEndOfEvent},
                              {"PROCTITLE", kProctitle},
                              {"USER_START", kUserStart},
                              {"USER_LOGIN", kUserLogin}};
  for (const Named& named : kNames) {
    if (text == named.name) return named.type;
  }
  if (consume(text, "UNKNOWN[") && !text.empty() && text.back() == ']') text.remove_suffix(1);
  uint64_t number = 0;
  return parse_based(text, 10, number) && number <= UINT16_MAX ? static_cast<uint16_t>(number) : 0;
}

}  // namespace

bool parse_log_line(std::string_view line, LogLine& result) {
  constexpr char kEnriched = '\x1d';
  line = line.substr(0, line.find(kEnriched));
  if (consume(line, "node=")) {
    const size_t space = line.find(' ');
    if (space == std::string_view::npos) return false;
    line.remove_prefix(space + 1);
  }
  if (!consume(line, "type=")) return false;
  const size_t space = line.find(' ');
  if (space == std::string_view::npos || space == 0) return false;
  result.type = type_of(line.substr(0, space));
  line.remove_prefix(space + 1);
  if (!consume(line, "msg=") || line.substr(0, 6) != "audit(") return false;
  result.record = line;
  return true;
}

}  // namespace process_ancestry::audit
