#include "../sensors/audit/flood_watch.h"

#include "harness.h"

namespace process_ancestry::audit {
namespace {

constexpr uint64_t kMany = FloodWatch::kMostInWindow + 1;
constexpr double kQuiet = FloodWatch::kQuietMs;

TEST("many calls in one second are a flood, the same number in two seconds is not") {
  FloodWatch watch;
  CHECK(!watch.add(FloodWatch::kMostInWindow, 10'000, 0));
  CHECK(!watch.add(FloodWatch::kMostInWindow, 11'000, 0));
  CHECK(watch.add(1, 11'500, 0));
  CHECK(watch.floods());
}

TEST("records that arrive after recording stopped are not another flood") {
  FloodWatch watch;
  CHECK(watch.add(kMany, 10'000, 0));
  CHECK(!watch.add(kMany, 10'100, 100));
}

TEST("recording starts again after a minute") {
  FloodWatch watch;
  CHECK(!watch.is_over(0));
  watch.add(kMany, 10'000, 5'000);
  CHECK(!watch.is_over(5'000 + kQuiet - 1));
  CHECK(watch.is_over(5'000 + kQuiet));
  watch.listens_again(5'000 + kQuiet);
  CHECK(!watch.floods());
  CHECK(!watch.is_over(1e12));
}

TEST("pauses of a continued flood grow, and a flood after a quiet minute is like the first") {
  FloodWatch watch;
  double now = 1'000, pause = kQuiet;
  for (int i = 0; i < 10; ++i) {
    watch.add(kMany, now, now);
    CHECK(!watch.is_over(now + pause - 1));
    CHECK(watch.is_over(now + pause));
    now += pause;
    watch.listens_again(now);
    now += 10;
    pause = pause * 2 < FloodWatch::kLongestMs ? pause * 2 : FloodWatch::kLongestMs;
  }
  now += kQuiet;
  watch.add(kMany, now, now);
  CHECK(watch.is_over(now + kQuiet));
}

TEST("counting restarts when the clock is set back") {
  FloodWatch watch;
  watch.add(FloodWatch::kMostInWindow, 100'000, 0);
  CHECK(!watch.add(1, 50'000, 0));
}

}  // namespace
}  // namespace process_ancestry::audit
