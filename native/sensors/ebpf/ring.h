#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace process_ancestry::ebpf {

// Reads records from a kernel ring buffer (kernel/bpf/ringbuf.c). The data are mapped once, so that the pages
// count once as memory of this process. A record that wraps around is copied together. Never reads outside
// the ring, also if the positions in it are wrong. One reader at a time.
class Ring {
 public:
  Ring() = default;
  // `bytes` is a power of 2 and the size of `data`. Positions only grow.
  Ring(unsigned long* consumer, const unsigned long* producer, const uint8_t* data, size_t bytes)
      : consumer_(consumer), producer_(producer), data_(data), bytes_(bytes) {}

  struct Record {
    const uint8_t* bytes = nullptr;  // valid until the next call of `next`
    size_t size = 0;
  };
  // Frees the previous record and returns the next one. False if there is none or it is not finished.
  bool next(Record& record);

  size_t waiting() const;
  // `end` is the position of the programs' next record. `has_read_to` says whether all records before a
  // position were returned.
  unsigned long end() const { return __atomic_load_n(producer_, __ATOMIC_ACQUIRE); }
  bool has_read_to(unsigned long position) const { return static_cast<long>(at_ - position) >= 0; }
  // How often the ring made no sense and all waiting bytes were skipped.
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
