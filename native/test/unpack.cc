#include "unpack.h"

#include <cstring>

#include "harness.h"

namespace process_ancestry::test {
namespace {

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

}  // namespace

std::vector<Unpacked> unpack(const Batch& batch) {
  std::vector<Unpacked> records;
  for (size_t at = 0; at < batch.size();) {
    const uint32_t size = record_size(batch.data() + at);
    CHECK(size >= Batch::kHeaderBytes && size <= batch.size() - at);
    if (size < Batch::kHeaderBytes || size > batch.size() - at) return records;
    Reader reader(batch.data() + at, size);
    reader.get<uint32_t>();
    Unpacked record;
    record.kind = reader.get<Kind>();
    record.source = reader.get<Source>();
    record.flags = reader.get<uint16_t>();
    record.pid = reader.get<int32_t>();
    record.time = reader.get<double>();
    if (record.kind == Kind::kExec && (record.flags & Batch::kHasDetails) != 0) {
      for (int i = 0; i < 16; ++i) record.words.push_back(reader.get<uint32_t>());
      for (int i = 0; i < 6; ++i) record.doubles.push_back(reader.get<double>());
      for (int i = 0; i < 3; ++i) record.words.push_back(reader.get<uint32_t>());
      record.argc = reader.get<uint32_t>();
      record.args_size = reader.get<uint32_t>();
      for (int i = 0; i < 8; ++i) record.texts.push_back(reader.text());
    } else if (record.kind == Kind::kLogin) {
      record.words.push_back(reader.get<uint32_t>());
      for (int i = 0; i < 3; ++i) record.texts.push_back(reader.text());
    } else if (record.kind == Kind::kClock) {
      record.doubles.push_back(reader.get<double>());
    } else {
      while (reader.left() >= sizeof(uint32_t)) record.words.push_back(reader.get<uint32_t>());
    }
    CHECK_EQUAL(reader.left(), 0U);
    records.push_back(record);
    at += size;
  }
  return records;
}

}  // namespace process_ancestry::test
