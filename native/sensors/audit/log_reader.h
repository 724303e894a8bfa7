#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "../../batch.h"
#include "assembler.h"
#include "log_clock.h"
#include "log_line.h"
#include "recorded_names.h"

namespace process_ancestry::audit {

// One host of a log: serials, pids and ids are its own.
struct RecordedHost {
  RecordedHost(std::string_view name, const Assembler::Limits& limits) : name(name), assembler(limits) {}

  const std::string name;  // empty where no line tells
  Assembler assembler;
  RecordedNames names;
  Batch batch;         // events that are complete and were not taken yet
  size_t ordered = 0;  // of the assembler's completed events
  LogClock clock;
  RecordId last_record;  // whose time the clock was told last
};

// Reads a recorded audit log, in pieces cut anywhere, into a batch for each host. Touches nothing of this
// machine: it may be another's log.
class LogReader {
 public:
  static constexpr size_t kHostsMax = 1024;

  struct Counters {
    uint64_t lines = 0, records = 0, malformed = 0;
    uint64_t beyond_hosts = 0;                 // records of more hosts than are kept apart
    std::array<uint64_t, kLineForms> forms{};  // of the lines that are no records
  };

  explicit LogReader(size_t args_max_bytes);

  // What is complete, and old enough to be in order, is in the hosts' batches afterwards.
  void feed(std::string_view text);
  // All that is complete is, because nothing more comes for now.
  void flush();
  void end();

  // In the order in which they were met.
  const std::vector<std::unique_ptr<RecordedHost>>& hosts() const { return hosts_; }
  const Counters& counters() const { return counters_; }
  // Of all hosts.
  Assembler::Counters assembled() const;

 private:
  static constexpr size_t kLineMaxBytes = 1 << 20;

  void read_line(std::string_view line);
  RecordedHost* host_of(std::string_view name);

  const Assembler::Limits limits_;
  Counters counters_;
  std::vector<std::unique_ptr<RecordedHost>> hosts_;
  std::unordered_map<std::string, RecordedHost*> by_name_;
  RecordedHost* last_ = nullptr;
  std::string rewritten_;   // a record as the kernel would have written it
  std::string unfinished_;  // the start of a line whose end has not come
  bool skipping_ = false;   // the rest of a line that was too long
  bool is_first_line_ = true;
};

}  // namespace process_ancestry::audit
