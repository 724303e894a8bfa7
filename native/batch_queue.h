#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "batch.h"

namespace process_ancestry {

// Hands batches from the collector's thread to JavaScript's: one side fills a buffer while the other reads
// the one before. Bounded: what does not fit is dropped, counted, and told by a loss record in its place.
class BatchQueue {
 public:
  explicit BatchQueue(size_t max_bytes) : max_bytes_(max_bytes) {}

  // Takes over the records of `batch`. `now` is CLOCK_BOOTTIME in ms, `clock_offset` Unix ms minus that.
  // True if the reader has to be woken: nothing was waiting before, and no earlier wake is still under way.
  bool push(const Batch& batch, double now, double clock_offset);

  // All that waits, as one batch; `into` gives its memory back to the queue. Ends the wake that push asked
  // for.
  void take(Batch& into);

  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kNoLoss = SIZE_MAX;

  const size_t max_bytes_;
  std::mutex mutex_;
  Batch waiting_;                // guarded by mutex_
  size_t loss_at_ = kNoLoss;     // the loss record at the end of waiting_, if something was dropped since
  bool wake_under_way_ = false;  // guarded by mutex_
  std::atomic<size_t> bytes_{0};
  std::atomic<uint64_t> dropped_{0};
};

}  // namespace process_ancestry
