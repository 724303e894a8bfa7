#include "batch.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace process_ancestry {
namespace {

constexpr size_t kKeepBytes = 1 << 20;
constexpr size_t kKindAt = 4, kFlagsAt = 6;

template <typename T>
uint8_t* put(uint8_t* to, const T& value) {
  std::memcpy(to, &value, sizeof value);
  return to + sizeof value;
}

}  // namespace

uint8_t* Batch::begin(size_t payload, Kind kind, Source source, uint16_t flags, int32_t pid, double time) {
  const size_t at = bytes_.size();
  bytes_.resize(at + kHeaderBytes + payload);
  uint8_t* to = bytes_.data() + at;
  to = put(to, static_cast<uint32_t>(kHeaderBytes + payload));
  to = put(to, kind);
  to = put(to, source);
  to = put(to, flags);
  to = put(to, pid);
  return put(to, time);
}

void Batch::withdraw_details(size_t at) {
  constexpr uint16_t kFlagsOfKind = 0xff00;
  uint8_t* const field = bytes_.data() + at + kFlagsAt;
  uint16_t flags;
  std::memcpy(&flags, field, sizeof flags);
  put(field, static_cast<uint16_t>(flags & kFlagsOfKind));
}

void Batch::add_to_loss(size_t at, uint32_t count) {
  uint8_t* field = bytes_.data() + at + kHeaderBytes;
  uint32_t now;
  std::memcpy(&now, field, sizeof now);
  put(field, now + std::min(count, std::numeric_limits<uint32_t>::max() - now));
}

void Batch::clear() {
  if (bytes_.capacity() > kKeepBytes) std::vector<uint8_t>().swap(bytes_);
  bytes_.clear();
}

uint32_t record_size(const uint8_t* record) {
  uint32_t size;
  std::memcpy(&size, record, sizeof size);
  return size;
}

Kind record_kind(const uint8_t* record) { return static_cast<Kind>(record[kKindAt]); }

}  // namespace process_ancestry
