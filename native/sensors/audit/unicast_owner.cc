#include "unicast_owner.h"

namespace process_ancestry::audit {

Step UnicastOwnerWatch::each_second(Mode mode, const Status& status, bool owner_lives, uint32_t own_pid,
                                    double now_ms) {
  if (mode == Mode::kOff || (mode == Mode::kUnicast && status.pid == own_pid)) return Step::kStay;
  if (has_other_owner(status, owner_lives, own_pid)) {
    const bool was_free = free_since_ms_.has_value();
    free_since_ms_.reset();
    if (mode == Mode::kUnicast) return Step::kFallBack;
    return was_free ? Step::kOwnerCame : Step::kStay;
  }
  // No process requested it: the kernel itself gives up a reader that is too slow.
  if (mode == Mode::kUnicast) return Step::kBecomeOwner;
  if (is_immutable(status)) return Step::kStay;
  if (!free_since_ms_) {
    free_since_ms_ = now_ms;
    return Step::kOwnerLeft;
  }
  return now_ms - *free_since_ms_ < grace_ms_ ? Step::kStay : Step::kBecomeOwner;
}

bool UnicastOwnerWatch::gives_way(Mode mode, uint32_t asker, uint32_t own_pid) {
  return mode == Mode::kUnicast && asker != own_pid;
}

void Handover::begin() {
  underway_ = true;
  last_by_multicast_.clear();
}

bool Handover::reads(bool by_multicast, std::string_view record) {
  if (!underway_) return true;
  if (by_multicast) {
    last_by_multicast_ = record;
    return true;
  }
  if (last_by_multicast_.empty() || record != last_by_multicast_) return false;
  underway_ = false;
  return true;
}

}  // namespace process_ancestry::audit
