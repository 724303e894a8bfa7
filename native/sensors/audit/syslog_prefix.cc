#include "syslog_prefix.h"

#include <cstddef>

namespace process_ancestry::audit {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view next_word(std::string_view& text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

// hh:mm:ss with or without a fraction.
bool is_clock(std::string_view word) {
  return word.size() >= 8 && is_digit(word[0]) && word[2] == ':' && word[5] == ':' && is_digit(word[7]);
}

// 2026-11-29 or 2026-11-29T10:00:00+01:00.
bool is_date(std::string_view word) {
  return word.size() >= 10 && is_digit(word[0]) && is_digit(word[3]) && word[4] == '-' && word[7] == '-';
}

// Jan to Dec, or a weekday.
bool is_short_name(std::string_view word) {
  if (word.size() != 3) return false;
  for (const char c : word) {
    if ((c | 0x20) < 'a' || (c | 0x20) > 'z') return false;
  }
  return true;
}

bool is_number(std::string_view word) {
  if (word.empty() || word.size() > 4) return false;
  for (const char c : word) {
    if (!is_digit(c)) return false;
  }
  return true;
}

// A time zone's name or offset, after a clock and before the host, as `journalctl -o short-full` has it.
bool is_zone(std::string_view word) {
  return word == "UTC" || word == "GMT" || (word.size() >= 3 && (word[0] == '+' || word[0] == '-'));
}

// PRI, and in RFC 5424 the version.
void skip_priority(std::string_view& prefix) {
  if (prefix.empty() || prefix.front() != '<') return;
  const size_t end = prefix.find('>');
  if (end == std::string_view::npos || !is_number(prefix.substr(1, end - 1))) return;
  prefix.remove_prefix(end + 1);
  if (prefix.size() > 1 && is_digit(prefix[0]) && prefix[1] == ' ') prefix.remove_prefix(2);
}

}  // namespace

std::string_view host_of_prefix(std::string_view prefix) {
  skip_priority(prefix);
  std::string_view word = next_word(prefix);
  if (is_short_name(word)) word = next_word(prefix);
  if (is_date(word)) {
    const bool has_clock = word.size() > 10;
    if (!has_clock && !is_clock(next_word(prefix))) return {};
  } else {
    if (!is_number(word) || !is_clock(next_word(prefix))) return {};
  }
  word = next_word(prefix);
  if (is_zone(word)) word = next_word(prefix);
  // A tag ends with a colon: this daemon left the host out.
  return word.empty() || word.back() == ':' ? std::string_view() : word;
}

}  // namespace process_ancestry::audit
