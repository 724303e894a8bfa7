#include "unpack.h"

namespace process_ancestry::test {

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
    const auto flags = reader.get<uint16_t>();
    record.pid = reader.get<int32_t>();
    record.time = reader.get<double>();
    read_payload(reader, flags, record);
    CHECK_EQUAL(reader.left(), 0U);
    records.push_back(record);
    at += size;
  }
  return records;
}

}  // namespace process_ancestry::test
