#include "flood_watch.h"

#include <algorithm>

namespace process_ancestry::audit {

bool FloodWatch::add(uint64_t calls, double stamp_ms, double now_ms) {
  if (floods_) return false;
  // A clock that was set back also begins a window.
  if (stamp_ms < window_began_ms_ || stamp_ms - window_began_ms_ >= kWindowMs) {
    window_began_ms_ = stamp_ms;
    in_window_ = 0;
  }
  in_window_ += calls;
  if (in_window_ <= kMostInWindow) return false;
  floods_ = true;
  // While the rule is removed, the flood cannot be observed. If it continues after the pause, the next pause
  // is longer.
  const bool goes_on = listening_since_ms_ > 0 && now_ms - listening_since_ms_ < kQuietMs;
  pause_ms_ = goes_on ? std::min(2 * pause_ms_, kLongestMs) : kQuietMs;
  until_ms_ = now_ms + pause_ms_;
  return true;
}

void FloodWatch::listens_again(double now_ms) {
  floods_ = false;
  in_window_ = 0;
  listening_since_ms_ = now_ms;
}

}  // namespace process_ancestry::audit
