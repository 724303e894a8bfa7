#pragma once

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "../batch.h"
#include "harness.h"

namespace process_ancestry::test {

// A record of a batch, with its fields by name.
struct Unpacked {
  Kind kind{};
  Source source{};
  int32_t pid = 0;
  double time = 0;
  bool has_details = false;
  std::map<std::string, double> numbers;
  std::map<std::string, std::string> texts;
  std::map<std::string, bool> flags;

  // Reports a failure if there is no such field.
  double number(const char* name) const { return field(numbers, name); }
  std::string text(const char* name) const { return field(texts, name); }
  bool flag(const char* name) const { return field(flags, name); }

 private:
  template <typename Value>
  static Value field(const std::map<std::string, Value>& fields, const char* name) {
    const auto found = fields.find(name);
    CHECK(found != fields.end());
    return found != fields.end() ? found->second : Value();
  }
};

// Reads the payload of one record.
class Reader {
 public:
  Reader(const uint8_t* at, size_t size) : at_(at), end_(at + size) {}
  template <typename T>
  T get() {
    T value{};
    CHECK(left() >= sizeof value);
    if (left() < sizeof value) return value;
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  std::string text() {
    const auto size = get<uint32_t>();
    CHECK(left() >= size);
    if (left() < size) return {};
    std::string value(reinterpret_cast<const char*>(at_), size);
    at_ += size;
    return value;
  }
  size_t left() const { return static_cast<size_t>(end_ - at_); }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

void read_payload(Reader& reader, uint16_t flags, Unpacked& record);

// Reports a failure if the batch does not follow the format.
std::vector<Unpacked> unpack(const Batch& batch);

}  // namespace process_ancestry::test
