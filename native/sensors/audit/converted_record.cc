#include "converted_record.h"

#include <cstddef>

namespace process_ancestry::audit {
namespace {

constexpr auto kNone = std::string_view::npos;

bool is_separator(char c) { return c == ' ' || c == '\t'; }

bool has_kernels_form(std::string_view record) {
  if (record.find('\t') != kNone) return false;
  const bool has_single = record.find('\'') != kNone;
  const auto next_quote = [&](size_t at) {
    return has_single ? record.find_first_of("\"'", at) : record.find('"', at);
  };
  for (size_t at = 0; (at = next_quote(at)) != kNone; ++at) {
    if (at == 0 || record[at - 1] != '=') return false;
    at = record.find(record[at], at + 1);
    if (at == kNone) return true;  // the record was cut
    if (at + 1 < record.size() && record[at + 1] != ' ') return false;
  }
  return true;
}

// Whether a field begins here, or the text ends.
bool is_at_field(std::string_view text) {
  const size_t name = text.find_first_not_of(" \t");
  if (name == kNone) return true;
  if (name == 0) return false;
  const size_t end = text.find_first_of(" \t=\"'", name);
  return end != kNone && end > name && text[end] == '=';
}

bool is_escaped(std::string_view text, size_t at) {
  size_t backslashes = 0;
  while (at > backslashes && text[at - backslashes - 1] == '\\') ++backslashes;
  return backslashes % 2 != 0;
}

struct Quoted {
  size_t end;           // position of the closing quote
  bool holds_quotes;    // quotes inside the text
  bool escapes_quotes;  // inner quotes have backslashes
};

// Finds the end of a text after its opening quote. The kernel never quotes a text that contains a quote. A
// converter may leave inner quotes as they are or escape them with backslashes. The kernel does not escape
// backslashes.
Quoted find_end(std::string_view text, char quote) {
  Quoted result = {text.size(), false, false};
  for (size_t at = 0; (at = text.find(quote, at)) != kNone; ++at) {
    const bool escaped = is_escaped(text, at);
    const bool ends = is_at_field(text.substr(at + 1));
    if (ends && !(escaped && result.escapes_quotes)) {
      result.end = at;
      return result;
    }
    if (!result.holds_quotes) result.escapes_quotes = escaped;
    result.holds_quotes = true;
  }
  return result;
}

void append_hex(std::string_view text, bool unescape, char quote, std::string& to) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (size_t at = 0; at < text.size(); ++at) {
    const bool escapes = unescape && text[at] == '\\' && at + 1 < text.size() &&
                         (text[at + 1] == '\\' || text[at + 1] == quote);
    if (escapes) ++at;
    const auto byte = static_cast<unsigned char>(text[at]);
    to += kDigits[byte >> 4];
    to += kDigits[byte & 0xf];
  }
}

}  // namespace

std::string_view as_the_kernel_writes(std::string_view record, std::string& room) {
  if (has_kernels_form(record)) return record;
  const size_t id = record.find(')');
  if (id == kNone) return record;
  room.assign(record.substr(0, id + 1)).append(":");
  std::string_view rest = record.substr(id + 1);
  while (!rest.empty()) {
    if (is_separator(rest.front())) {
      rest.remove_prefix(1);
      continue;
    }
    size_t end = rest.find_first_of(" \t=");
    if (end == kNone) break;
    if (rest[end] != '=') {
      rest.remove_prefix(end);
      continue;
    }
    room.append(" ").append(rest.substr(0, end + 1));
    rest.remove_prefix(end + 1);
    if (rest.empty()) break;
    const char quote = rest.front();
    if (quote == '"' || quote == '\'') {
      const Quoted text = find_end(rest.substr(1), quote);
      end = std::min(text.end + 2, rest.size());
      if (text.holds_quotes) {
        append_hex(rest.substr(1, text.end), text.escapes_quotes, quote, room);
      } else {
        room.append(rest.substr(0, end));
      }
    } else {
      end = std::min(rest.find_first_of(" \t"), rest.size());
      room.append(rest.substr(0, end));
    }
    rest.remove_prefix(end);
  }
  return room;
}

}  // namespace process_ancestry::audit
