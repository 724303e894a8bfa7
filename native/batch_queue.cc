#include "batch_queue.h"

namespace process_ancestry {

bool BatchQueue::push(const Batch& batch, double now, double clock_offset) {
  if (batch.empty()) return false;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (waiting_.empty()) waiting_.clock(now, clock_offset);
  const uint8_t* from = batch.data();
  size_t fits = batch.size();
  if (loss_at_ != kNoLoss) {
    fits =
        0;  // once something is lost, what follows is lost too: what is delivered has no holes but at its end
  } else if (waiting_.size() + fits > max_bytes_) {
    for (fits = 0; fits < batch.size();) {
      const size_t next = fits + record_size(from + fits);
      if (waiting_.size() + next > max_bytes_) break;
      fits = next;
    }
  }
  waiting_.append(from, fits);
  uint32_t lost = 0;
  for (size_t at = fits; at < batch.size(); at += record_size(from + at)) ++lost;
  if (lost > 0) {
    if (loss_at_ == kNoLoss) {
      loss_at_ = waiting_.size();
      waiting_.loss(Source::kNone, now, lost);
    } else {
      waiting_.add_to_loss(loss_at_, lost);
    }
    dropped_.fetch_add(lost, std::memory_order_relaxed);
  }
  bytes_.store(waiting_.size(), std::memory_order_relaxed);
  const bool wake = !wake_under_way_;
  wake_under_way_ = true;
  return wake;
}

void BatchQueue::take(Batch& into) {
  into.clear();
  const std::lock_guard<std::mutex> lock(mutex_);
  waiting_.swap(into);
  loss_at_ = kNoLoss;
  wake_under_way_ = false;
  bytes_.store(0, std::memory_order_relaxed);
}

}  // namespace process_ancestry
