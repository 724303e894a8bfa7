#include "log_line.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "assembler.h"
#include "record.h"
#include "syslog_prefix.h"

namespace process_ancestry::audit {
namespace {

constexpr auto kNone = std::string_view::npos;

bool consume(std::string_view& text, std::string_view start) {
  if (text.substr(0, start.size()) != start) return false;
  text.remove_prefix(start.size());
  return true;
}

bool is_space(char c) { return c == ' ' || c == '\t'; }

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

bool equal_in_any_case(std::string_view text, std::string_view upper) {
  if (text.size() != upper.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'a' && text[i] <= 'z' ? static_cast<char>(text[i] - 'a' + 'A') : text[i];
    if (c != upper[i]) return false;
  }
  return true;
}

// A type as a name, as UNKNOWN[1329] (ausearch), or as a number.
uint16_t type_of(std::string_view text) {
  text = unquoted(text);
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
    if (equal_in_any_case(text, named.name)) return named.type;
  }
  constexpr std::string_view kUnknownType = "UNKNOWN[";
  if (equal_in_any_case(text.substr(0, kUnknownType.size()), kUnknownType) && text.back() == ']') {
    text.remove_prefix(kUnknownType.size());
    text.remove_suffix(1);
  }
  uint64_t number = 0;
  return parse_based(text, 10, number) && number <= UINT16_MAX ? static_cast<uint16_t>(number) : 0;
}

// Record types whose texts the kernel writes: a text with a space is always in hex.
bool is_kernels(uint16_t type) {
  return type == kSyscall || type == kExecve || type == kCwd || type == kPath || type == kProctitle;
}

// rsyslog writes a control character as # and three octal digits: the 0x1D of the ENRICHED format is #035. A
// quoted text may also contain that.
size_t find_escaped_separator(std::string_view text) {
  constexpr std::string_view kEscaped = "#035";
  if (text.find(kEscaped) == kNone) return kNone;
  bool quoted = false;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"') quoted = !quoted;
    if (!quoted && text.substr(at, kEscaped.size()) == kEscaped) return at;
  }
  return kNone;
}

void split_enriched(LogLine& line) {
  size_t at = line.record.find('\x1d'), size = 1;
  if (at == kNone && line.has_prefix && (line.type == kSyscall || line.type == kPath)) {
    at = find_escaped_separator(line.record);
    size = 4;
  }
  if (at == kNone) return;
  line.enriched = line.record.substr(at + size);
  line.record = line.record.substr(0, at);
}

// Takes node=NAME from the end of a prefix.
std::string_view take_node(std::string_view& prefix) {
  constexpr std::string_view kNode = "node=";
  const size_t at = prefix.rfind(kNode);
  if (at == kNone || (at > 0 && prefix[at - 1] != ' ')) return {};
  const std::string_view name = prefix.substr(at + kNode.size());
  const size_t space = name.find(' ');
  if (space != name.size() - 1) return {};
  prefix = prefix.substr(0, at);
  return unquoted(name.substr(0, space));
}

// Takes node=NAME from the end of a record, where some collectors put it. The kernel never writes it there:
// it puts foreign texts in quotes or writes them without a space.
std::string_view take_trailing_node(std::string_view& record) {
  constexpr std::string_view kNode = " node=";
  const size_t at = record.rfind(' ');
  if (at == kNone || record.substr(at, kNode.size()) != kNode) return {};
  const std::string_view name = record.substr(at + kNode.size());
  if (name.find_first_of("\"'") != kNone) return {};
  record = record.substr(0, at);
  return name;
}

bool is_in_quotes(std::string_view body, size_t at) {
  bool quoted = false;
  for (const char c : body.substr(0, at)) quoted = quoted != (c == '"');
  return quoted;
}

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

// The only record type in which the kernel writes this field; kAnyType if there are several. 0 for the
// beginning of a record.
constexpr uint16_t kAnyType = UINT16_MAX;
uint16_t owner_of(std::string_view field) {
  switch (field.empty() ? '\0' : field.front()) {
    case 'a':
      return starts_with(field, "argc=") ? uint16_t{kExecve} : kAnyType;
    case 'c':
      return starts_with(field, "cwd=") ? uint16_t{kCwd} : kAnyType;
    case 'i':
      return starts_with(field, "item=") ? uint16_t{kPath} : kAnyType;
    case 'm':
      return starts_with(field, "msg=audit(") ? uint16_t{0} : kAnyType;
    case 'p':
      return starts_with(field, "proctitle=") ? uint16_t{kProctitle} : kAnyType;
    case 's':
      return starts_with(field, "syscall=") ? uint16_t{kSyscall} : kAnyType;
    case 't':
      return starts_with(field, "type=") ? uint16_t{0} : kAnyType;
    default:
      return kAnyType;
  }
}

// Whether a field that is a number in the kernel's record has a name as its value.
bool is_name(std::string_view field, std::string_view name) {
  if (!starts_with(field, name)) return false;
  const size_t value = field.find_first_not_of("\"'", name.size());
  return value != kNone && (field[value] | 0x20) >= 'a' && (field[value] | 0x20) <= 'z';
}

// The form of a kernel record's body. A converter may have joined all records of an event in one line, with
// or without their headers. ausearch may have replaced only numbers with names.
LineForm form_of_body(uint16_t type, std::string_view body) {
  bool interpreted = false;
  for (size_t at = 0; (at = body.find(' ', at)) != kNone; ++at) {
    const std::string_view field = body.substr(at + 1);
    const uint16_t owner = owner_of(field);
    if (owner != kAnyType && owner != type && !is_in_quotes(body, at)) return LineForm::kEventLine;
    interpreted =
        interpreted || (type == kSyscall && (is_name(field, "syscall=") || is_name(field, "uid=")) &&
                        !is_in_quotes(body, at));
  }
  return interpreted ? LineForm::kInterpreted : LineForm::kRecord;
}

// A date instead of the kernel's seconds, such as audit(09/21/2026 14:13:20.010:101).
bool has_date(std::string_view record) {
  const size_t end = record.find(')');
  const std::string_view id = record.substr(0, end);
  return end < 64 && id.find_first_of(" /-") != kNone && id.find(':') != kNone;
}

// journalctl shows "audit[1234]: SYSCALL arch=…" (systemd, journald-audit.c).
bool is_without_id(std::string_view line) {
  const size_t at = line.find("audit[");
  if (at == kNone) return false;
  const size_t end = line.find("]: ", at);
  if (end == kNone || end + 4 >= line.size()) return false;
  return is_upper(line[end + 3]) && is_upper(line[end + 4]) && line.find('=', end) != kNone;
}

LineForm form_of_rest(std::string_view line) {
  if (line.front() == '{' || line.find("{\"") != kNone) return LineForm::kJson;
  return is_without_id(line) ? LineForm::kWithoutId : LineForm::kOther;
}

}  // namespace

LineForm parse_log_line(std::string_view line, LogLine& result) {
  constexpr std::string_view kType = "type=", kMsg = "msg=", kAudit = "audit(", kSpaces = " \t";
  if (line.empty()) return LineForm::kOther;
  const size_t at = line.find(kType);
  if (at == kNone) return form_of_rest(line);
  std::string_view prefix = line.substr(0, at);
  // JSON escapes quotes, so a record inside it cannot be read.
  if (prefix.find('{') != kNone && form_of_rest(line) == LineForm::kJson) return LineForm::kJson;
  std::string_view rest = line.substr(at + kType.size());
  const size_t space = rest.find_first_of(kSpaces);
  if (space == kNone || space == 0) return LineForm::kOther;
  LogLine parsed;
  parsed.type = type_of(rest.substr(0, space));
  rest.remove_prefix(std::min(rest.find_first_not_of(kSpaces, space), rest.size()));
  consume(rest, kMsg);
  const bool quoted = consume(rest, "\"") || consume(rest, "'");
  if (rest.substr(0, kAudit.size()) != kAudit) return form_of_rest(line);
  if (!prefix.empty() && prefix.back() == '[') return LineForm::kEventLine;
  // grep writes a colon after a file name.
  if (!prefix.empty() && !is_space(prefix.back()) && prefix.back() != ':') return LineForm::kOther;
  RecordId id;
  std::string_view body;
  if (!parse_record_id(rest, id, body)) return has_date(rest) ? LineForm::kInterpreted : LineForm::kOther;
  if (quoted && !body.empty() && body.front() != '"' && body.front() != '\'') return LineForm::kInQuotes;
  if (is_kernels(parsed.type)) {
    const LineForm form = form_of_body(parsed.type, body);
    if (form != LineForm::kRecord) return form;
  }
  parsed.record = rest;
  std::string_view host = take_node(prefix);
  parsed.has_prefix = !prefix.empty();
  split_enriched(parsed);
  if (host.empty()) host = take_trailing_node(parsed.enriched.empty() ? parsed.record : parsed.enriched);
  parsed.host = !host.empty() || prefix.empty() ? std::string(host) : host_of_prefix(prefix);
  result = std::move(parsed);
  return LineForm::kRecord;
}

}  // namespace process_ancestry::audit
