#include "syslog_prefix.h"

#include <algorithm>
#include <cstddef>

#include "address.h"
#include "record.h"

namespace process_ancestry::audit {
namespace {

constexpr auto kNone = std::string_view::npos;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

template <typename Predicate>
bool all_of(std::string_view word, Predicate predicate) {
  for (const char c : word) {
    if (!predicate(c)) return false;
  }
  return !word.empty();
}

template <size_t kCount>
bool is_one_of(std::string_view word, const std::string_view (&words)[kCount]) {
  for (const std::string_view one : words) {
    if (word == one) return true;
  }
  return false;
}

// Iterates over the words of a prefix. Text in square brackets is one word.
class Words {
 public:
  explicit Words(std::string_view text) : rest_(text) {}

  bool next(std::string_view& word) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size()));
    if (rest_.empty()) return false;
    size_t end = std::min(rest_.find_first_of(" \t"), rest_.size());
    const size_t bracket = rest_.front() == '[' ? rest_.find(']') : kNone;
    if (bracket != kNone) end = bracket + 1;
    word = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return true;
  }

  std::string_view peek() const {
    Words copy = *this;
    std::string_view word;
    return copy.next(word) ? word : std::string_view();
  }

 private:
  std::string_view rest_;
};

// hh:mm:ss anywhere in a word.
bool has_clock(std::string_view word) {
  for (size_t at = word.find(':'); at != kNone; at = word.find(':', at + 1)) {
    if (at >= 2 && at + 5 < word.size() && is_digit(word[at - 1]) && is_digit(word[at - 2]) &&
        is_digit(word[at + 1]) && word[at + 3] == ':' && is_digit(word[at + 4])) {
      return true;
    }
  }
  return false;
}

// A date such as 2026-11-29 alone.
bool is_date(std::string_view word) {
  return word.size() == 10 && is_digit(word[0]) && word[4] == '-' && word[7] == '-' && is_digit(word[9]);
}

// Digits and the characters in times, process ids and serial numbers.
bool is_number(std::string_view word) {
  constexpr std::string_view kMarks = ".,:;-+/TZ()[]#|<>*";
  return all_of(word, [&](char c) { return is_digit(c) || kMarks.find(c) != kNone; });
}

// The name of a month or a weekday. In other languages: a word of that length before a day.
bool is_date_name(std::string_view word, std::string_view next) {
  constexpr std::string_view kNames[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct",
                                         "Nov", "Dec", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
  if (is_one_of(word, kNames)) return true;
  return word.size() == 3 && all_of(word, is_letter) && next.size() <= 2 && is_number(next);
}

bool is_tag(std::string_view word) { return word.back() == ':'; }

// A time zone after a clock. journalctl's short-full has it between the clock and the host, after a date.
bool is_zone(std::string_view word, std::string_view next, bool after_date) {
  if (word == "UTC" || word == "GMT" || word == "AM" || word == "PM") return true;
  return after_date && word.size() <= 5 && all_of(word, is_upper) && !next.empty() && !is_tag(next);
}

// Programs that write records, and the facility and severity names of syslog daemons.
bool is_program(std::string_view word) {
  constexpr std::string_view kPrograms[] = {
      "audispd", "audisp-syslog", "audisp-remote", "auditd", "audit",  "kauditd",       "kernel",
      "journal", "syslog",        "systemd",       "auth",   "audisp", "tag_audit_log", "local0",
      "local1",  "local2",        "local3",        "local4", "local5", "local6",        "local7",
      "kern",    "user",          "daemon",        "debug",  "info",   "notice",        "warning",
      "warn",    "err",           "error",         "crit",   "alert",  "emerg",         "authpriv"};
  while (!word.empty() && word.back() == ':') word.remove_suffix(1);
  while (!word.empty() && word.front() == ':') word.remove_prefix(1);
  const size_t dot = word.find('.');
  if (dot != kNone) return is_program(word.substr(0, dot)) && is_program(word.substr(dot + 1));
  return word.empty() || word.back() == ']' || is_one_of(word, kPrograms);
}

// Removes the log's file name: the host of web1/audit.log.1:12: is web1.
std::string_view without_file(std::string_view path) {
  while (!path.empty() && (path.back() == ':' || is_digit(path.back()))) {
    const size_t colon = path.find_last_of(':');
    if (colon == kNone) break;
    path = path.substr(0, colon);
  }
  const size_t file = path.rfind("audit.log");
  if (file != kNone && (file == 0 || path[file - 1] == '/') && path.find('/', file) == kNone) {
    path = path.substr(0, file);
    constexpr std::string_view kUsual = "/var/log/audit/";
    if (path.size() >= kUsual.size() && path.substr(path.size() - kUsual.size()) == kUsual) {
      path.remove_suffix(kUsual.size());
    }
    while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  }
  return path == "." ? std::string_view() : path;
}

struct Named {
  std::string_view name, value;
};

// Splits NAME=VALUE. The name is empty if the word has no =.
Named named(std::string_view word) {
  const size_t equals = word.find('=');
  if (equals == kNone) return {{}, word};
  return {word.substr(0, equals), unquoted(word.substr(equals + 1))};
}

// Key names of audispd and collectors.
bool is_host_key(std::string_view name) {
  constexpr std::string_view kKeys[] = {"node", "host", "hostname", "HOSTNAME", "host.name", "_HOSTNAME"};
  return is_one_of(name, kKeys);
}

// Skips PRI and the version of RFC 5424. True if there is a version.
bool skip_priority(std::string_view& prefix) {
  if (prefix.empty() || prefix.front() != '<') return false;
  const size_t end = prefix.find('>');
  if (end == kNone || end > 4 || !all_of(prefix.substr(1, end - 1), is_digit)) return false;
  prefix.remove_prefix(end + 1);
  if (prefix.size() < 2 || !is_digit(prefix[0]) || prefix[1] != ' ') return false;
  prefix.remove_prefix(2);
  return true;
}

// Text in brackets is not a host if it is a time, structured data or a list.
std::string_view bracketed(std::string_view word) {
  const std::string_view inner = word.substr(1, word.size() - 2);
  const bool is_data = inner.find_first_of(" =@") != kNone;
  return is_data || is_number(inner) ? std::string_view() : inner;
}

}  // namespace

std::string host_of_prefix(std::string_view prefix) {
  const bool is_rfc5424 = skip_priority(prefix);
  std::string found;
  bool after_date = false, after_clock = false;
  Words words(prefix);
  for (std::string_view word; words.next(word);) {
    const auto [name, value] = named(word);
    if (is_host_key(name)) {
      if (!value.empty()) return std::string(value);
      continue;
    }
    if (is_rfc5424 && after_clock) return word == "-" ? std::string() : std::string(word);
    const std::string_view next = words.peek();
    if (!is_address(value) && (value.empty() || has_clock(value) || is_number(value))) {
      after_date = after_date || is_date(word);
      // RFC 5424 writes - for an unknown time.
      after_clock = after_clock || has_clock(word) || (is_rfc5424 && word == "-");
      continue;
    }
    if (!after_clock && is_date_name(word, next)) continue;
    const bool zone = after_clock && is_zone(word, next, after_date);
    after_date = false;
    if (zone) continue;
    const bool tag = is_tag(word);
    if (word.front() == '[' && word.back() == ']') {
      word = bracketed(word);
    } else if (is_program(word) || (tag && !found.empty())) {
      // The host is before the program. Words after it belong to the program.
      if (!found.empty()) break;
      continue;
    } else if (tag) {
      word = without_file(word.substr(0, word.size() - 1));
    }
    if (word.empty() || word == found) continue;
    if (!found.empty()) found += ' ';
    found += word;
  }
  return found;
}

}  // namespace process_ancestry::audit
