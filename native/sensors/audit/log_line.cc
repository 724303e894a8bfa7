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

// A name as ausearch knows it, UNKNOWN[1329], or a number.
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

// The types whose texts the kernel writes: no text of them holds a space outside of hex.
bool is_kernels(uint16_t type) {
  return type == kSyscall || type == kExecve || type == kCwd || type == kPath || type == kProctitle;
}

// rsyslog writes control characters as # and three octal digits: the 0x1D of the ENRICHED format is #035. A
// text in quotes may hold that too.
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

// Takes a node=NAME from the end of a prefix.
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

// Takes a node=NAME from the end of a record, where some collectors put it. The kernel writes none there, and
// what it writes of others' texts is in quotes or has no space.
std::string_view take_trailing_node(std::string_view& record) {
  constexpr std::string_view kNode = " node=";
  const size_t at = record.rfind(' ');
  if (at == kNone || record.substr(at, kNode.size()) != kNode) return {};
  const std::string_view name = record.substr(at + kNode.size());
  if (name.find_first_of("\"'") != kNone) return {};
  record = record.substr(0, at);
  return name;
}

// The place of text in a body, outside of the quotes there.
size_t find_unquoted(std::string_view body, std::string_view text) {
  for (size_t at = 0; (at = body.find(text, at)) != kNone; ++at) {
    bool quoted = false;
    for (const char c : body.substr(0, at)) quoted = quoted != (c == '"');
    if (!quoted) return at;
  }
  return kNone;
}

// Whether the records of an event were joined in this line, with or without what a record begins with: it has
// a field that the kernel writes in records of another type.
bool is_event_line(uint16_t type, std::string_view body) {
  struct Owned {
    std::string_view field;
    RecordType type;
  };
  constexpr Owned kOwned[] = {{" argc=", kExecve},
                              {" cwd=", kCwd},
                              {" item=", kPath},
                              {" syscall=", kSyscall},
                              {" proctitle=", kProctitle}};
  for (const std::string_view start : {" type=", " msg=audit("}) {
    if (find_unquoted(body, start) != kNone) return true;
  }
  for (const auto& [field, owner] : kOwned) {
    if (owner != type && find_unquoted(body, field) != kNone) return true;
  }
  return false;
}

// Names where the kernel writes numbers, though the time may be a number still.
bool is_interpreted(std::string_view body) {
  for (const std::string_view field : {" syscall=", " uid="}) {
    const size_t at = body.find(field);
    if (at == kNone) continue;
    const size_t value = body.find_first_not_of("\"'", at + field.size());
    if (value != kNone && ((body[value] | 0x20) >= 'a' && (body[value] | 0x20) <= 'z')) return true;
  }
  return false;
}

// audit(09/21/2026 14:13:20.010:101) and the like: a date where the kernel writes seconds.
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
  // In JSON quotes are escaped: what looks like a record there is none.
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
  // grep puts a colon after a file's name.
  if (!prefix.empty() && !is_space(prefix.back()) && prefix.back() != ':') return LineForm::kOther;
  RecordId id;
  std::string_view body;
  if (!parse_record_id(rest, id, body)) return has_date(rest) ? LineForm::kInterpreted : LineForm::kOther;
  if (quoted && !body.empty() && body.front() != '"' && body.front() != '\'') return LineForm::kInQuotes;
  if (is_kernels(parsed.type) && is_event_line(parsed.type, body)) return LineForm::kEventLine;
  if (parsed.type == kSyscall && is_interpreted(body)) return LineForm::kInterpreted;
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
