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

// One host of a log, with its own serials, pids and ids.
struct RecordedHost {
  RecordedHost(std::string_view name, const Assembler::Limits& limits) : name(name), assembler(limits) {}

  const std::string name;  // empty if no line names a host
  Assembler assembler;
  RecordedNames names;
  Batch batch;         // complete events that were not yet taken
  size_t ordered = 0;  // number of completed events in the assembler that are sorted
  LogClock clock;
  RecordId last_record;  // the last record whose time the clock took
};

// Reads a recorded audit log into a batch for each host. The log may be cut into pieces anywhere. It may be
// from another machine, so nothing is read from this one.
class LogReader {
 public:
  static constexpr size_t kHostsMax = 1024;

  struct Counters {
    uint64_t lines = 0, records = 0, malformed = 0;
    uint64_t beyond_hosts = 0;                 // records of hosts above the limit
    std::array<uint64_t, kLineForms> forms{};  // lines that are not records, by form
  };

  explicit LogReader(size_t args_max_bytes);

  // Afterwards the hosts' batches have all events that are complete and in order.
  void feed(std::string_view text);
  // Puts all complete events into the batches, without waiting for more lines.
  void flush();
  void end();

  // In order of appearance.
  const std::vector<std::unique_ptr<RecordedHost>>& hosts() const { return hosts_; }
  const Counters& counters() const { return counters_; }
  // For all hosts together.
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
  std::string rewritten_;   // a record restored to the kernel's form
  std::string unfinished_;  // the start of an incomplete line
  bool skipping_ = false;   // inside a line that is too long
  bool is_first_line_ = true;
};

}  // namespace process_ancestry::audit
