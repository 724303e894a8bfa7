#pragma once

#include <cstdint>

namespace process_ancestry {

// All in milliseconds, nanoseconds as fraction.
double boottime_ms();
double monotonic_ms();
// Unix time at boot: CLOCK_REALTIME minus CLOCK_BOOTTIME. The same on every call and in every process until
// the clock is set; on a host that was suspended, to some nanoseconds.
double unix_minus_boottime_ms();

// Whether the kernel's clock is told to follow another (man 2 adjtimex, STA_UNSYNC). Changes nothing.
bool clock_is_synchronized();

// Converts the connector's CLOCK_MONOTONIC to CLOCK_BOOTTIME. The two drift apart only while suspended, so
// the offset is kept until it really changed: reading two clocks is not atomic, and events must not jitter.
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
