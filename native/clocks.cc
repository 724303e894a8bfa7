#include "clocks.h"

#include <sys/timex.h>
#include <time.h>

#include <cstdlib>

namespace process_ancestry {
namespace {

int64_t read_ns(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

double read_ms(clockid_t clock) { return static_cast<double>(read_ns(clock)) / 1e6; }

// Of a few tries the one that was interrupted least.
int64_t difference_ns(clockid_t of, clockid_t from) {
  int64_t best = 0, shortest = INT64_MAX;
  for (int i = 0; i < 3; ++i) {
    const int64_t before = read_ns(from);
    const int64_t value = read_ns(of);
    const int64_t after = read_ns(from);
    if (after - before < shortest) {
      shortest = after - before;
      best = value - (before + (after - before) / 2);
    }
  }
  return best;
}

constexpr int64_t kRealChangeNs = 1'000'000;

}  // namespace

double boottime_ms() { return read_ms(CLOCK_BOOTTIME); }
double monotonic_ms() { return read_ms(CLOCK_MONOTONIC); }
double unix_minus_boottime_ms() {
  return static_cast<double>(difference_ns(CLOCK_REALTIME, CLOCK_BOOTTIME)) / 1e6;
}

void MonotonicToBoottime::refresh() {
  const int64_t offset = difference_ns(CLOCK_BOOTTIME, CLOCK_MONOTONIC);
  if (offset_ns_ == INT64_MIN || std::llabs(offset - offset_ns_) > kRealChangeNs) offset_ns_ = offset;
}

bool clock_is_synchronized() {
  timex nothing_to_set{};
  return ::adjtimex(&nothing_to_set) != TIME_ERROR;
}

}  // namespace process_ancestry
