#include "log_clock.h"

#include <algorithm>

namespace process_ancestry::audit {

LogClock::Position LogClock::add(double ms) {
  Position position;
  if (doubtful_ms_) {
    const double doubtful = *doubtful_ms_;
    doubtful_ms_.reset();
    const bool back_without_it = ms <= latest_.ms - kReorderMs;
    const bool back_with_it = doubtful <= latest_.ms - kReorderMs || ms <= doubtful - kReorderMs;
    if (back_without_it || !back_with_it) {
      if (doubtful < latest_.ms) ++latest_.era;
      latest_.ms = doubtful;
      position.previous = latest_;
    }
  }
  const bool is_first = latest_.ms == -std::numeric_limits<double>::infinity();
  if (is_first || (ms > latest_.ms - kReorderMs && ms <= latest_.ms + kReorderMs)) {
    latest_.ms = std::max(latest_.ms, ms);
    position.time = {latest_.era, ms};
  } else {
    doubtful_ms_ = ms;
    position.time = {latest_.era, latest_.ms, ++doubts_};
  }
  return position;
}

}  // namespace process_ancestry::audit
