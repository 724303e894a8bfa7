#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace process_ancestry::ebpf {

// Reads records out of a ring buffer of the kernel's (kernel/bpf/ringbuf.c) that is mapped once: a record
// that goes over the end is put together here, so that the pages do not count twice as ours. Believes nothing
// that would lead out of the ring. One reader at a time.
class Ring {
 public:
  Ring() = default;
  // `bytes` is a power of 2. Positions count on and on; `data` has `bytes`.
  Ring(unsigned long* consumer, const unsigned long* producer, const uint8_t* data, size_t bytes)
      : consumer_(consumer), producer_(producer), data_(data), bytes_(bytes) {}

  struct Record {
    const uint8_t* bytes = nullptr;  // until `next` is called again
    size_t size = 0;
  };
  // Frees the room of the record before. False if there is no other, or it is not finished yet.
  bool next(Record& record);

  size_t waiting() const;
  // Where the next record of the programs will begin, and whether all before such a position has been handed
  // out.
  unsigned long end() const { return __atomic_load_n(producer_, __ATOMIC_ACQUIRE); }
  bool has_read_to(unsigned long position) const { return static_cast<long>(at_ - position) >= 0; }
  // Pieces that made no sense: all that waited was skipped.
  uint64_t malformed() const { return malformed_; }

 private:
  unsigned long* consumer_ = nullptr;
  const unsigned long* producer_ = nullptr;
  const uint8_t* data_ = nullptr;
  size_t bytes_ = 0;
  unsigned long at_ = 0;
  bool has_begun_ = false;
  uint64_t malformed_ = 0;
  std::vector<uint8_t> across_end_;
};

}  // namespace process_ancestry::ebpf
