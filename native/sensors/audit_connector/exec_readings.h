#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <unordered_map>

#include "../../events/events.h"
#include "../audit/audit_event.h"

namespace process_ancestry {

// What /proc showed of an exec right after it.
struct ExecReading {
  double exec_ms = 0;     // time of the exec, Unix
  uint64_t done_ns = 0;   // end of the read, CLOCK_MONOTONIC
  bool is_told = false;   // reported as the exec's details, so audit's record is a duplicate
  bool is_known = false;  // the reading is of this exec
  ExecDetails details;    // without texts
  std::string args, cwd, cgroup, root;
};

// The parts of an exec that audit does not report.
struct ExecGaps {
  bool args = false, cwd = false, file = false, groups = false;
  bool any() const { return args || cwd || file || groups; }
};

// Readings of /proc for execs that audit does not report or reports incompletely. Each is kept until audit's
// record of the same exec. Readings and records of a pid come in the order of its execs. Pure: the readings
// are passed in.
class ExecReadings {
 public:
  static constexpr size_t kMost = 4096, kMostBytes = 8 << 20;

  void add(int32_t pid, ExecReading reading);
  // The process executed again or exited at `at_ns` (CLOCK_MONOTONIC). A reading that ended after that is not
  // of the last exec.
  void went_on(int32_t pid, uint64_t at_ns);
  // The reported details of the last exec were withdrawn.
  void taken_back(int32_t pid);
  // The reading that belongs to audit's record stamped `stamp_ms` (Unix). If the reading was reported and
  // then forgotten, only `is_told` is set.
  std::optional<ExecReading> take(int32_t pid, double stamp_ms);
  // No more records come of execs before `before_ms` (Unix).
  void forget(double before_ms);
  bool empty() const { return readings_.empty(); }
  size_t bytes() const { return bytes_; }

 private:
  // Audit stamps the entry of the system call with a coarse clock. An exec that takes longer than kLongestMs
  // is not matched.
  static constexpr double kSlackMs = 5, kLongestMs = 1000;

  ExecReading* last(int32_t pid);
  void forget_all();
  bool was_told(double stamp_ms) const;
  void drop_first(std::deque<ExecReading>& of_pid);

  std::unordered_map<int32_t, std::deque<ExecReading>> readings_;
  size_t count_ = 0, bytes_ = 0;
  // The time range of execs whose readings were reported and then forgotten (Unix).
  double told_from_ms_ = std::numeric_limits<double>::infinity();
  double told_until_ms_ = -std::numeric_limits<double>::infinity();
};

// Adds to an event the parts that audit does not report. `reading` is null if /proc was not read, and holds
// the memory of the texts. Sets the flag of an unknown part if it has one.
void fill_gaps(audit::AuditEvent& event, const ExecGaps& gaps, const ExecReading* reading);

}  // namespace process_ancestry
