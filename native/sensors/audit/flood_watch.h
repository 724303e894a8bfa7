#pragma once

#include <cstdint>

namespace process_ancestry::audit {

// When to stop listening to a call that any user can make as often as it likes, and when to listen again.
// Time is told.
class FloodWatch {
 public:
  static constexpr double kWindowMs = 1000, kQuietMs = 60'000, kLongestMs = 32 * kQuietMs;
  static constexpr uint64_t kMostInWindow = 2000;

  // So many more were made, the last of them at `stamp_ms` of their own clock. True if that is too many:
  // listening is to stop.
  bool add(uint64_t calls, double stamp_ms, double now_ms);
  // Whether it is time to listen again.
  bool is_over(double now_ms) const { return floods_ && now_ms >= until_ms_; }
  void listens_again(double now_ms);
  bool floods() const { return floods_; }

 private:
  bool floods_ = false;
  uint64_t in_window_ = 0;
  double window_began_ms_ = 0;
  double until_ms_ = 0;
  // For how long it is not listened to next time: longer each time, where the last is not long ago.
  double pause_ms_ = kQuietMs;
  double listening_since_ms_ = 0;
};

}  // namespace process_ancestry::audit
