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

// What /proc said of an exec right after it.
struct ExecReading {
  double exec_ms = 0;     // when it was executed, Unix
  uint64_t done_ns = 0;   // when it had been read, CLOCK_MONOTONIC
  bool is_told = false;   // it was told as the exec's details: audit's record of it is one too many
  bool is_known = false;  // it is of this exec
  ExecDetails details;    // without texts
  std::string args, cwd, cgroup, root;
};

// Which parts of an exec audit does not tell.
struct ExecGaps {
  bool args = false, cwd = false, file = false, groups = false;
  bool any() const { return args || cwd || file || groups; }
};

// Readings of execs that audit does not tell, or not whole, until its record of the same exec comes: both
// tell of a pid's execs in their order. Pure: what was read is told.
class ExecReadings {
 public:
  static constexpr size_t kMost = 4096, kMostBytes = 8 << 20;

  void add(int32_t pid, ExecReading reading);
  // The kernel says that the process had gone on at `at_ns` (CLOCK_MONOTONIC): what was read after that is
  // not of its last exec.
  void went_on(int32_t pid, uint64_t at_ns);
  // What was told of its last exec was taken back.
  void taken_back(int32_t pid);
  // The reading that belongs to audit's record, stamped `stamp_ms` (Unix). Of what was told of execs whose
  // readings had to be forgotten, all that is known is that it was.
  std::optional<ExecReading> take(int32_t pid, double stamp_ms);
  // Of execs before `before_ms` (Unix) no record comes any more.
  void forget(double before_ms);
  bool empty() const { return readings_.empty(); }
  size_t bytes() const { return bytes_; }

 private:
  // Audit stamps the entry into the system call, by a coarse clock; an exec that takes longer is none.
  static constexpr double kSlackMs = 5, kLongestMs = 1000;

  ExecReading* last(int32_t pid);
  void forget_all();
  bool was_told(double stamp_ms) const;
  void drop_first(std::deque<ExecReading>& of_pid);

  std::unordered_map<int32_t, std::deque<ExecReading>> readings_;
  size_t count_ = 0, bytes_ = 0;
  // From when to when the execs were, of the readings that were told and then forgotten (Unix).
  double told_from_ms_ = std::numeric_limits<double>::infinity();
  double told_until_ms_ = -std::numeric_limits<double>::infinity();
};

// Adds to an event what audit does not tell and /proc said; `reading` is null where it was not read. The
// texts stay in `reading`. What is unknown is marked where there is a mark for it.
void fill_gaps(audit::AuditEvent& event, const ExecGaps& gaps, const ExecReading* reading);

}  // namespace process_ancestry
