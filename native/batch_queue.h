#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>

#include "batch.h"

namespace process_ancestry {

// Passes records from the collector thread to the JavaScript thread in chunks. Its size is bounded: records
// that do not fit are dropped, counted and replaced by a loss record. The end of a snapshot is never dropped.
class BatchQueue {
 public:
  // A chunk ends when it holds this much. Only its last record may go over.
  static constexpr size_t kChunkBytes = 256 << 10;

  explicit BatchQueue(size_t max_bytes) : max_bytes_(max_bytes) {}

  // Takes the records of `batch`. `now` is CLOCK_BOOTTIME in ms, `clock_offset` is Unix ms minus
  // CLOCK_BOOTTIME. True if the reader must be woken: it has found the queue empty since the last wake.
  bool push(const Batch& batch, double now, double clock_offset);

  // The size of the oldest chunk. 0 if nothing waits; the next push then wakes the reader again.
  size_t next_size();
  // Moves the oldest chunk into `into`, which is empty if nothing waits. A chunk begins with a clock record.
  void take(Batch& into);

  // True while the reader is behind. The collector then leaves new messages in the kernel's buffers.
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
  std::deque<Batch> chunks_;     // guarded by mutex_, oldest first
  size_t loss_at_ = kNoLoss;     // position of the loss record at the end of the last chunk, if there is one
  bool wake_under_way_ = false;  // guarded by mutex_
  std::atomic<size_t> bytes_{0};
  std::atomic<uint64_t> dropped_{0};
};

}  // namespace process_ancestry
