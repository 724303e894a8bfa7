#include "ring.h"

#include <cstring>

namespace process_ancestry::ebpf {
namespace {

// linux/bpf.h. Redeclared for hosts with older headers.
constexpr uint32_t kBusy = 1U << 31, kDiscarded = 1U << 30;
constexpr size_t kHeaderBytes = 8, kAlignment = 8;

}  // namespace

bool Ring::next(Record& record) {
  if (bytes_ == 0) return false;
  if (!has_begun_) {
    has_begun_ = true;
    at_ = __atomic_load_n(consumer_, __ATOMIC_RELAXED);
  }
  __atomic_store_n(consumer_, at_, __ATOMIC_RELEASE);
  for (;;) {
    const unsigned long end = __atomic_load_n(producer_, __ATOMIC_ACQUIRE);
    const unsigned long waiting = end - at_;
    if (waiting == 0) return false;
    const size_t offset = at_ & (bytes_ - 1);
    uint32_t length = kBusy;
    if (offset + kHeaderBytes <= bytes_) {
      length = __atomic_load_n(reinterpret_cast<const uint32_t*>(data_ + offset), __ATOMIC_ACQUIRE);
      if ((length & kBusy) != 0) return false;
    }
    const size_t size = length & ~(kBusy | kDiscarded);
    const size_t whole = (kHeaderBytes + size + kAlignment - 1) / kAlignment * kAlignment;
    if (waiting > bytes_ || whole > waiting || offset + kHeaderBytes > bytes_ || offset % kAlignment != 0) {
      ++malformed_;
      at_ = end;
      __atomic_store_n(consumer_, at_, __ATOMIC_RELEASE);
      return false;
    }
    at_ += whole;
    if ((length & kDiscarded) != 0) continue;
    const size_t first = offset + kHeaderBytes, until_end = bytes_ - first;
    record.size = size;
    record.bytes = data_ + first;
    if (size > until_end) {
      across_end_.resize(size);
      if (until_end > 0) std::memcpy(across_end_.data(), data_ + first, until_end);
      std::memcpy(across_end_.data() + until_end, data_, size - until_end);
      record.bytes = across_end_.data();
    }
    return true;
  }
}

size_t Ring::waiting() const {
  if (bytes_ == 0) return 0;
  return __atomic_load_n(producer_, __ATOMIC_ACQUIRE) - __atomic_load_n(consumer_, __ATOMIC_RELAXED);
}

}  // namespace process_ancestry::ebpf
