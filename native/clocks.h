#pragma once

#include <cstdint>

namespace process_ancestry {

// All clocks are in milliseconds, with nanoseconds as fraction.
double boottime_ms();
double monotonic_ms();
// Unix time at boot: CLOCK_REALTIME minus CLOCK_BOOTTIME. Every call in every process gives the same value
// until the clock is set. On a host that was suspended, values differ by some nanoseconds.
double unix_minus_boottime_ms();

// Whether another clock disciplines the kernel's clock (man 2 adjtimex, STA_UNSYNC). Changes nothing.
bool clock_is_synchronized();

// Converts the connector's CLOCK_MONOTONIC to CLOCK_BOOTTIME. Their offset changes only during suspend. Two
// clocks cannot be read at the same instant, so the offset is kept until it really changes. Events then have
// no jitter.
class MonotonicToBoottime {
 public:
  void refresh();
  double to_ms(uint64_t monotonic_ns) const {
    return static_cast<double>(static_cast<int64_t>(monotonic_ns) + offset_ns_) / 1e6;
  }

 private:
  int64_t offset_ns_ = INT64_MIN;
};

}  // namespace process_ancestry
