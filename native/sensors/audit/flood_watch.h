#pragma once

#include <cstdint>

namespace process_ancestry::audit {

// When to stop recording a system call that any user can make without limit, and when to record it again.
// Times are passed in.
class FloodWatch {
 public:
  static constexpr double kWindowMs = 1000, kQuietMs = 60'000, kLongestMs = 32 * kQuietMs;
  static constexpr uint64_t kMostInWindow = 2000;

  // Adds calls; the last was at `stamp_ms` by the clock of the records. True if there are too many and
  // recording must stop.
  bool add(uint64_t calls, double stamp_ms, double now_ms);
  // Whether it is time to record again.
  bool is_over(double now_ms) const { return floods_ && now_ms >= until_ms_; }
  void listens_again(double now_ms);
  bool floods() const { return floods_; }

 private:
  bool floods_ = false;
  uint64_t in_window_ = 0;
  double window_began_ms_ = 0;
  double until_ms_ = 0;
  // The next pause. It grows if the last flood was not long ago.
  double pause_ms_ = kQuietMs;
  double listening_since_ms_ = 0;
};

}  // namespace process_ancestry::audit
