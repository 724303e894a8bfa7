#include "clocks.h"

#include <sys/timex.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>

namespace process_ancestry {
namespace {

int64_t read_ns(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

double read_ms(clockid_t clock) { return static_cast<double>(read_ns(clock)) / 1e6; }

constexpr int kTries = 8;

// Exact: the kernel derives both coarse clocks from the same tick (kernel/time/vsyscall.c). Their difference
// changes only when the clock is set.
int64_t realtime_minus_monotonic_ns() {
  int64_t difference = 0;
  for (int i = 0; i < kTries; ++i) {
    const int64_t before = read_ns(CLOCK_REALTIME_COARSE);
    difference = before - read_ns(CLOCK_MONOTONIC_COARSE);
    if (read_ns(CLOCK_REALTIME_COARSE) == before) break;
  }
  return difference;
}

// The time spent suspended. Exactly 0 if the host was never suspended, else known to some nanoseconds.
int64_t boottime_minus_monotonic_ns() {
  int64_t least = INT64_MIN, most = INT64_MAX;
  for (int i = 0; i < kTries; ++i) {
    const int64_t before = read_ns(CLOCK_MONOTONIC);
    const int64_t value = read_ns(CLOCK_BOOTTIME);
    const int64_t after = read_ns(CLOCK_MONOTONIC);
    least = std::max(least, value - after);
    most = std::min(most, value - before);
    if (least > most) {
      // The host was suspended between the two reads.
      least = value - after;
      most = value - before;
    }
  }
  return least <= 0 && most >= 0 ? 0 : least + (most - least) / 2;
}

constexpr int64_t kRealChangeNs = 1'000'000;

}  // namespace

double boottime_ms() { return read_ms(CLOCK_BOOTTIME); }
double monotonic_ms() { return read_ms(CLOCK_MONOTONIC); }
double unix_minus_boottime_ms() {
  return static_cast<double>(realtime_minus_monotonic_ns() - boottime_minus_monotonic_ns()) / 1e6;
}

void MonotonicToBoottime::refresh() {
  const int64_t offset = boottime_minus_monotonic_ns();
  if (offset_ns_ == INT64_MIN || std::llabs(offset - offset_ns_) > kRealChangeNs) offset_ns_ = offset;
}

bool clock_is_synchronized() {
  timex nothing_to_set{};
  return ::adjtimex(&nothing_to_set) != TIME_ERROR;
}

}  // namespace process_ancestry
