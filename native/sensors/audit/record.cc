#include "record.h"

#include <cstring>

namespace process_ancestry::audit {
namespace {

// 0 to 15, or 0x80 and above if it is no hex digit. Without branches and tables, so that a loop of it is
// vectorized.
constexpr uint16_t hex_value(uint16_t c) {
  const auto digit = static_cast<uint16_t>(c - '0');
  const auto letter = static_cast<uint16_t>((c | 0x20) - 'a');
  return digit < 10 ? digit : letter < 6 ? static_cast<uint16_t>(letter + 10) : uint16_t{0x80};
}

// Decodes `count` bytes from twice as many digits. The result has bits of 0x80 and above if a digit was
// invalid.
template <size_t kCount>
uint16_t decode_hex(const char* in, char* out) {
  uint16_t wrong = 0;
  for (size_t i = 0; i < kCount; ++i) {
    const uint16_t high = hex_value(static_cast<unsigned char>(in[2 * i]));
    const uint16_t low = hex_value(static_cast<unsigned char>(in[2 * i + 1]));
    wrong = static_cast<uint16_t>(wrong | high | low);
    out[i] = static_cast<char>(high << 4 | low);
  }
  return wrong;
}

// Appends the bytes of a hex text, in one pass. If it is not hex: false, and nothing is appended.
bool append_hex(std::string_view text, std::string& to) {
  constexpr size_t kBlock = 32;
  if (text.empty() || text.size() % 2 != 0) return false;
  const size_t before = to.size(), count = text.size() / 2;
  to.resize(before + count);
  const char* in = text.data();
  char* out = to.data() + before;
  char* const end = out + count;
  unsigned wrong = 0;
  for (; static_cast<size_t>(end - out) >= kBlock; in += 2 * kBlock, out += kBlock) {
    wrong |= decode_hex<kBlock>(in, out);
  }
  for (; out < end; in += 2, ++out) wrong |= decode_hex<1>(in, out);
  if (wrong >= 0x80) to.resize(before);
  return wrong < 0x80;
}

bool is_nothing(std::string_view value) { return value.empty() || value == "(null)" || value == "(none)"; }

bool is_quote(char c) { return c == '"' || c == '\''; }

bool is_quoted(std::string_view value) {
  return value.size() >= 2 && is_quote(value.front()) && value.back() == value.front();
}

// Reads unsigned decimal digits, at most `most`. Returns how many were read.
size_t read_digits(const char* at, const char* end, size_t most, uint64_t& number) {
  size_t n = 0;
  number = 0;
  for (; at + n < end && n < most && at[n] >= '0' && at[n] <= '9'; ++n) {
    number = number * 10 + static_cast<uint64_t>(at[n] - '0');
  }
  return n;
}

}  // namespace

bool parse_record_id(std::string_view record, RecordId& id, std::string_view& body) {
  constexpr std::string_view kStart = "audit(";
  constexpr size_t kSecondsDigits = 12, kSerialDigits = 10;  // more would not be exact in a double or a u32
  if (record.substr(0, kStart.size()) != kStart) return false;
  const char* at = record.data() + kStart.size();
  const char* const end = record.data() + record.size();
  uint64_t seconds, milliseconds, serial;
  size_t n = read_digits(at, end, kSecondsDigits, seconds);
  if (n == 0 || at + n >= end || at[n] != '.') return false;
  at += n + 1;
  n = read_digits(at, end, 3, milliseconds);
  if (n != 3 || at + n >= end || at[n] != ':') return false;
  at += n + 1;
  n = read_digits(at, end, kSerialDigits, serial);
  if (n == 0 || serial > UINT32_MAX || at + n >= end || at[n] != ')') return false;
  at += n + 1;
  if (at < end && *at == ':') ++at;
  id.time_ms = static_cast<double>(seconds) * 1000 + static_cast<double>(milliseconds);
  id.serial = static_cast<uint32_t>(serial);
  body = {at, static_cast<size_t>(end - at)};
  return true;
}

bool FieldCursor::next(Field& field) {
  while (at_ < end_) {
    if (*at_ == ' ') {
      ++at_;
      continue;
    }
    const char* const name = at_;
    uint64_t key = 0;
    for (unsigned shift = 0; at_ < end_ && *at_ != '=' && *at_ != ' '; ++at_, shift += 8) {
      if (shift < 64) key |= uint64_t{static_cast<unsigned char>(*at_)} << shift;
    }
    if (at_ == end_ || *at_ == ' ') continue;
    const size_t name_size = static_cast<size_t>(at_ - name);
    field.key = name_size <= 8 ? key : 0;
    field.name = {name, name_size};
    const char* const value = ++at_;
    if (at_ < end_ && is_quote(*at_)) {
      const auto rest = static_cast<size_t>(end_ - at_ - 1);
      const auto* close = static_cast<const char*>(std::memchr(at_ + 1, *at_, rest));
      at_ = close != nullptr ? close + 1 : end_;
    }
    // Most values have a few bytes, some have thousands.
    for (int i = 0; i < 16 && at_ < end_ && *at_ != ' '; ++i) ++at_;
    if (at_ < end_ && *at_ != ' ') {
      const auto* space = static_cast<const char*>(std::memchr(at_, ' ', static_cast<size_t>(end_ - at_)));
      at_ = space != nullptr ? space : end_;
    }
    field.value = {value, static_cast<size_t>(at_ - value)};
    return true;
  }
  return false;
}

std::string_view unquoted(std::string_view value) {
  return is_quoted(value) ? value.substr(1, value.size() - 2) : value;
}

bool append_text(std::string_view value, std::string& to) {
  if (is_nothing(value)) return true;
  if (is_quoted(value)) {
    to.append(value.substr(1, value.size() - 2));
    return true;
  }
  if (is_quote(value.front())) {
    to.append(value.substr(1));
    return false;
  }
  if (!append_hex(value, to)) to.append(value);
  return true;
}

bool parse_decimal(std::string_view value, int64_t& number) {
  constexpr size_t kDigits = 18;  // always fits
  value = unquoted(value);
  const bool negative = !value.empty() && value.front() == '-';
  if (negative) value.remove_prefix(1);
  uint64_t digits;
  const size_t n = read_digits(value.data(), value.data() + value.size(), kDigits, digits);
  if (n == 0 || n != value.size()) return false;
  number = negative ? -static_cast<int64_t>(digits) : static_cast<int64_t>(digits);
  return true;
}

bool parse_based(std::string_view value, unsigned base, uint64_t& number) {
  value = unquoted(value);
  if (value.empty() || value.size() > 16) return false;  // 16 hex digits always fit
  uint64_t sum = 0;
  for (const char c : value) {
    const unsigned digit = hex_value(static_cast<unsigned char>(c));
    if (digit >= base) return false;
    sum = sum * base + digit;
  }
  number = sum;
  return true;
}

}  // namespace process_ancestry::audit
