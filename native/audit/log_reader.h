#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "../batch.h"
#include "assembler.h"

namespace process_ancestry::audit {

// Reads a recorded audit log, in pieces cut anywhere, into batches. Touches nothing of this machine: it may
// be another's log.
class LogReader {
 public:
  struct Counters {
    uint64_t lines = 0, records = 0, malformed = 0;
  };

  explicit LogReader(size_t args_max_bytes);

  // Appends to `batch` the events that are complete by now.
  void feed(std::string_view text, Batch& batch);
  void end(Batch& batch);

  const Counters& counters() const { return counters_; }
  const Assembler::Counters& assembled() const { return assembler_.counters(); }

 private:
  static constexpr size_t kLineMaxBytes = 1 << 20;

  void read_line(std::string_view line);
  void pack_completed(Batch& batch);

  Assembler assembler_;
  Counters counters_;
  std::string unfinished_;  // the start of a line whose end has not come
  bool skipping_ = false;   // the rest of a line that was too long
  double log_time_ms_ = 0;  // the latest seen
};

}  // namespace process_ancestry::audit
