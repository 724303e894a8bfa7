#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace process_ancestry::audit {

// What one event's records share: "audit(1492896301.818:19955): ". Serials start anew at every boot.
struct RecordId {
  double time_ms = 0;  // Unix
  uint32_t serial = 0;
  bool operator==(const RecordId& other) const { return serial == other.serial && time_ms == other.time_ms; }
};

// Reads the id at the start of a record; `body` becomes what follows it.
bool parse_record_id(std::string_view record, RecordId& id, std::string_view& body);

// The first 8 bytes of a field's name as a number, so that a switch can tell names apart; 0 if it is longer.
constexpr uint64_t field_key(std::string_view name) {
  if (name.size() > 8) return 0;
  uint64_t key = 0;
  for (size_t i = 0; i < name.size(); ++i) key |= uint64_t{static_cast<unsigned char>(name[i])} << (8 * i);
  return key;
}

struct Field {
  uint64_t key = 0;
  std::string_view name;
  std::string_view value;  // with its quotes, if it has any
};

// Walks over the name=value fields of a record's body, in place. Words without = are passed over.
class FieldCursor {
 public:
  explicit FieldCursor(std::string_view body) : at_(body.data()), end_(body.data() + body.size()) {}
  bool next(Field& field);

 private:
  const char* at_;
  const char* end_;
};

// Without its quotes: some converters quote all values.
std::string_view unquoted(std::string_view value);

// Untrusted text as the kernel writes it: quoted, or hex (kernel/audit.c, audit_log_n_untrustedstring).
// Appends the bytes that it stands for; nothing for (null) and (none). What is none of these is taken as it
// is. False if the end of the value is missing: what there is of it is appended.
bool append_text(std::string_view value, std::string& to);

// False, and `number` untouched, if the value, quoted or not, is no such number or does not fit.
bool parse_decimal(std::string_view value, int64_t& number);
bool parse_based(std::string_view value, unsigned base, uint64_t& number);

}  // namespace process_ancestry::audit
