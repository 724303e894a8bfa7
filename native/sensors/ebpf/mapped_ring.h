#pragma once

#include <cstddef>
#include <cstdint>

#include "../../unique_fd.h"
#include "ring.h"

namespace process_ancestry::ebpf {

// The mapped ring of the programs, and the descriptor of its wakes.
class MappedRing {
 public:
  // False and errno on error.
  bool map(int fd, size_t bytes);
  void reset();

  Ring& ring() { return ring_; }
  const Ring& ring() const { return ring_; }
  // Readable once for each wake by the programs; -1 before `map`.
  int woken_fd() const { return woken_.get(); }
  // Clears the wakes so far.
  void forget_wakes();

 private:
  // Mapped pages of the ring.
  class Pages {
   public:
    Pages() = default;
    Pages(const Pages&) = delete;
    Pages& operator=(const Pages&) = delete;
    ~Pages() { reset(); }
    bool map(int fd, int protection, size_t offset, size_t bytes);
    void reset();
    uint8_t* at() const { return static_cast<uint8_t*>(at_); }

   private:
    void* at_ = nullptr;
    size_t bytes_ = 0;
  };

  Pages consumer_, producer_;
  Ring ring_;
  UniqueFd woken_;
};

}  // namespace process_ancestry::ebpf
