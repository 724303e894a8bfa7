#include "batch_queue.h"

namespace process_ancestry {

Batch& BatchQueue::open_chunk(double now, double clock_offset) {
  if (chunks_.empty() || chunks_.back().size() >= kChunkBytes) {
    chunks_.emplace_back().clock(now, clock_offset);
    bytes_.fetch_add(chunks_.back().size(), std::memory_order_relaxed);
    loss_at_ = kNoLoss;
  }
  return chunks_.back();
}

void BatchQueue::append(Batch& chunk, const uint8_t* records, size_t size) {
  if (size == 0) return;
  chunk.append(records, size);
  bytes_.fetch_add(size, std::memory_order_relaxed);
  loss_at_ = kNoLoss;
}

bool BatchQueue::push(const Batch& batch, double now, double clock_offset) {
  if (batch.empty()) return false;
  const std::lock_guard<std::mutex> lock(mutex_);
  size_t at = 0;
  while (at < batch.size()) {
    Batch& chunk = open_chunk(now, clock_offset);
    const size_t from = at;
    size_t chunk_bytes = chunk.size(), left = max_bytes_ > bytes() ? max_bytes_ - bytes() : 0;
    while (at < batch.size() && chunk_bytes < kChunkBytes) {
      const size_t size = record_size(batch.data() + at);
      if (size > left) break;
      left -= size;
      chunk_bytes += size;
      at += size;
    }
    append(chunk, batch.data() + from, at - from);
    if (chunk_bytes < kChunkBytes) break;
  }
  // After the first record that does not fit, the rest of the batch is dropped too. No record is delivered
  // after a missing one.
  uint32_t lost = 0;
  const uint8_t* end_of_snapshot = nullptr;
  for (; at < batch.size(); at += record_size(batch.data() + at)) {
    if (record_kind(batch.data() + at) == Kind::kSnapshotEnd) {
      end_of_snapshot = batch.data() + at;
    } else {
      ++lost;
    }
  }
  if (lost > 0) {
    Batch& chunk = open_chunk(now, clock_offset);
    if (loss_at_ == kNoLoss) {
      loss_at_ = chunk.size();
      chunk.loss(Source::kNone, now, lost);
      bytes_.fetch_add(Batch::kLossBytes, std::memory_order_relaxed);
    } else {
      chunk.add_to_loss(loss_at_, lost);
    }
    dropped_.fetch_add(lost, std::memory_order_relaxed);
  }
  // Each request for a snapshot must get exactly one end, because the reader waits for it.
  if (end_of_snapshot != nullptr) {
    append(open_chunk(now, clock_offset), end_of_snapshot, record_size(end_of_snapshot));
  }
  const bool wake = !wake_under_way_;
  wake_under_way_ = true;
  return wake;
}

size_t BatchQueue::next_size() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!chunks_.empty()) return chunks_.front().size();
  wake_under_way_ = false;
  return 0;
}

void BatchQueue::take(Batch& into) {
  into.clear();
  const std::lock_guard<std::mutex> lock(mutex_);
  if (chunks_.empty()) return;
  into.swap(chunks_.front());
  chunks_.pop_front();
  bytes_.fetch_sub(into.size(), std::memory_order_relaxed);
  if (chunks_.empty()) loss_at_ = kNoLoss;
}

}  // namespace process_ancestry
