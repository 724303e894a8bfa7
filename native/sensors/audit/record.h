#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace process_ancestry::audit {

// The id shared by all records of an event: "audit(1492896301.818:19955): ". Serials restart at each boot.
struct RecordId {
  double time_ms = 0;  // Unix
  uint32_t serial = 0;
  bool operator==(const RecordId& other) const { return serial == other.serial && time_ms == other.time_ms; }
};

// Reads the id at the start of a record. `body` becomes the rest.
bool parse_record_id(std::string_view record, RecordId& id, std::string_view& body);

// The first 8 bytes of a field name as a number, for use in a switch. 0 if the name is longer.
constexpr uint64_t field_key(std::string_view name) {
  if (name.size() > 8) return 0;
  uint64_t key = 0;
  for (size_t i = 0; i < name.size(); ++i) key |= uint64_t{static_cast<unsigned char>(name[i])} << (8 * i);
  return key;
}

struct Field {
  uint64_t key = 0;
  std::string_view name;
  std::string_view value;  // with its quotes, if any
};

// Iterates over the name=value fields of a record's body without copying. Skips words without =.
class FieldCursor {
 public:
  explicit FieldCursor(std::string_view body) : at_(body.data()), end_(body.data() + body.size()) {}
  bool next(Field& field);

 private:
  const char* at_;
  const char* end_;
};

// The value without quotes: some converters quote all values.
std::string_view unquoted(std::string_view value);

// Decodes untrusted text as the kernel writes it: quoted, or hex (kernel/audit.c,
// audit_log_n_untrustedstring). Appends the decoded bytes; nothing for (null) and (none). Any other value is
// appended as it is. False if the value lacks its end; the part that is there is appended.
bool append_text(std::string_view value, std::string& to);

// Reads a number, quoted or not. False, with `number` unchanged, if the value is invalid or does not fit.
bool parse_decimal(std::string_view value, int64_t& number);
bool parse_based(std::string_view value, unsigned base, uint64_t& number);

}  // namespace process_ancestry::audit
