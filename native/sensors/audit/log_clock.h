#pragma once

#include <cstdint>
#include <limits>
#include <optional>

namespace process_ancestry::audit {

// The position of an event in its log: its time, and an era that grows each time the clock is set back.
struct LogTime {
  uint64_t era = 0;
  double ms = -std::numeric_limits<double>::infinity();
  uint64_t doubt =
      0;  // above 0: the event's own time is uncertain or absurd; it comes after events of this time

  bool operator==(const LogTime& other) const {
    return era == other.era && ms == other.ms && doubt == other.doubt;
  }
  bool operator<(const LogTime& other) const {
    if (era != other.era) return era < other.era;
    return ms != other.ms ? ms < other.ms : doubt < other.doubt;
  }
  // Whether it is at least `by_ms` before `other`.
  bool is_before(const LogTime& other, double by_ms) const {
    return era != other.era ? era < other.era : ms + by_ms <= other.ms;
  }
};

// Follows a host's clock by the times in its log. Lines may be out of order, so a time within kReorderMs of
// the latest one is normal. A time further off is uncertain: the clock was set, the host was silent, or the
// time is absurd. The next time decides: a time is absurd if the clock must have been set back with it, but
// not without it. Pure.
class LogClock {
 public:
  static constexpr double kReorderMs = 3000;

  struct Position {
    LogTime time;  // while uncertain, the latest certain time
    std::optional<LogTime>
        previous;  // the position of the time before, if it was uncertain and is now confirmed
  };

  // Takes the next time.
  Position add(double ms);
  // The latest certain time.
  const LogTime& latest() const { return latest_; }

 private:
  LogTime latest_;
  std::optional<double> doubtful_ms_;
  uint64_t doubts_ = 0;
};

}  // namespace process_ancestry::audit
