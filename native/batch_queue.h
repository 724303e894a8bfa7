#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>

#include "batch.h"

namespace process_ancestry {

// Hands records from the collector's thread to JavaScript's, in chunks of bounded size. Bounded: what does
// not fit is dropped, counted, and told by a loss record in its place. The end of a snapshot is told in any
// case.
class BatchQueue {
 public:
  // A chunk ends once it holds this much, and is larger only by its last record.
  static constexpr size_t kChunkBytes = 256 << 10;

  explicit BatchQueue(size_t max_bytes) : max_bytes_(max_bytes) {}

  // Takes over the records of `batch`. `now` is CLOCK_BOOTTIME in ms, `clock_offset` Unix ms minus that.
  // True if the reader has to be woken: it found the queue empty since the last wake.
  bool push(const Batch& batch, double now, double clock_offset);

  // The size of the oldest chunk; 0 if nothing waits, and the next push wakes the reader again.
  size_t next_size();
  // Moves the oldest chunk into `into`, which is empty if nothing waits. A chunk begins with the clock.
  void take(Batch& into);

  // True while the collector is to leave what comes in the kernel's buffers: the reader is behind.
  bool is_full() const { return bytes() >= max_bytes_ / 2; }
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kNoLoss = SIZE_MAX;

  // The chunk that takes the next records.
  Batch& open_chunk(double now, double clock_offset);
  void append(Batch& chunk, const uint8_t* records, size_t size);

  const size_t max_bytes_;
  std::mutex mutex_;
  std::deque<Batch> chunks_;     // guarded by mutex_, the oldest first
  size_t loss_at_ = kNoLoss;     // the loss record that ends the last chunk, if there is one
  bool wake_under_way_ = false;  // guarded by mutex_
  std::atomic<size_t> bytes_{0};
  std::atomic<uint64_t> dropped_{0};
};

}  // namespace process_ancestry
