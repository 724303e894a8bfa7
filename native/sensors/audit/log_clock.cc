#include "log_clock.h"

#include <algorithm>

namespace process_ancestry::audit {

LogClock::Place LogClock::add(double ms) {
  Place place;
  if (doubtful_ms_) {
    const double doubtful = *doubtful_ms_;
    doubtful_ms_.reset();
    const bool back_without_it = ms <= latest_.ms - kReorderMs;
    const bool back_with_it = doubtful <= latest_.ms - kReorderMs || ms <= doubtful - kReorderMs;
    if (back_without_it || !back_with_it) {
      if (doubtful < latest_.ms) ++latest_.era;
      latest_.ms = doubtful;
      place.previous = latest_;
    }
  }
  const bool is_first = latest_.ms == -std::numeric_limits<double>::infinity();
  if (is_first || (ms > latest_.ms - kReorderMs && ms <= latest_.ms + kReorderMs)) {
    latest_.ms = std::max(latest_.ms, ms);
    place.time = {latest_.era, ms};
  } else {
    doubtful_ms_ = ms;
    place.time = {latest_.era, latest_.ms, ++doubts_};
  }
  return place;
}

}  // namespace process_ancestry::audit
