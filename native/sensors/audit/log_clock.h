#pragma once

#include <cstdint>
#include <limits>
#include <optional>

namespace process_ancestry::audit {

// Where an event stands in the order of its log: by its time, as long as the clock was not set back. Each
// time that it was is an era of its own.
struct LogTime {
  uint64_t era = 0;
  double ms = -std::numeric_limits<double>::infinity();
  uint64_t doubt = 0;  // above 0: its own time is in doubt or absurd, and it comes after those of this time

  bool operator==(const LogTime& other) const {
    return era == other.era && ms == other.ms && doubt == other.doubt;
  }
  bool operator<(const LogTime& other) const {
    if (era != other.era) return era < other.era;
    return ms != other.ms ? ms < other.ms : doubt < other.doubt;
  }
  // Whether it is before another, by at least `by_ms`.
  bool is_before(const LogTime& other, double by_ms) const {
    return era != other.era ? era < other.era : ms + by_ms <= other.ms;
  }
};

// The clock of a host, as its log's times tell it. Lines of a log may have changed places, so that a time is
// in order when it is at most kReorderMs from the latest. One that is further off is either absurd, or the
// clock was set or the host was silent: the time after it tells. It is absurd if the clock was set back with
// it, and was not without it. Pure.
class LogClock {
 public:
  static constexpr double kReorderMs = 3000;

  struct Position {
    LogTime time;                     // if the time is in doubt, that of the latest
    std::optional<LogTime> previous;  // of the time before, if that was in doubt and is not absurd
  };

  // Takes the next time.
  Position add(double ms);
  // The latest that is certain.
  const LogTime& latest() const { return latest_; }

 private:
  LogTime latest_;
  std::optional<double> doubtful_ms_;
  uint64_t doubts_ = 0;
};

}  // namespace process_ancestry::audit
