#include "exec_readings.h"

#include <algorithm>
#include <utility>

namespace process_ancestry {
namespace {

size_t bytes_of(const ExecReading& reading) {
  return reading.args.size() + reading.cwd.size() + reading.cgroup.size() + reading.root.size();
}

}  // namespace

void ExecReadings::add(int32_t pid, ExecReading reading) {
  if (count_ >= kMost || bytes_ >= kMostBytes) forget_all();
  ++count_;
  bytes_ += bytes_of(reading);
  readings_[pid].push_back(std::move(reading));
}

void ExecReadings::forget_all() {
  for (const auto& [pid, of_pid] : readings_) {
    for (const ExecReading& reading : of_pid) {
      if (!reading.is_told) continue;
      told_from_ms_ = std::min(told_from_ms_, reading.exec_ms);
      told_until_ms_ = std::max(told_until_ms_, reading.exec_ms);
    }
  }
  readings_.clear();
  count_ = bytes_ = 0;
}

// Drops each record from the time of the forgotten readings. Such a record may be of an exec whose details
// were not reported. Its row then has no details, and is counted; but no exec gets two rows.
bool ExecReadings::was_told(double stamp_ms) const {
  return stamp_ms + kLongestMs >= told_from_ms_ && stamp_ms <= told_until_ms_ + kSlackMs;
}

ExecReading* ExecReadings::last(int32_t pid) {
  const auto found = readings_.find(pid);
  return found == readings_.end() || found->second.empty() ? nullptr : &found->second.back();
}

void ExecReadings::went_on(int32_t pid, uint64_t at_ns) {
  ExecReading* const reading = last(pid);
  if (reading != nullptr && !reading->is_told && at_ns < reading->done_ns) reading->is_known = false;
}

void ExecReadings::taken_back(int32_t pid) {
  ExecReading* const reading = last(pid);
  if (reading != nullptr) reading->is_told = reading->is_known = false;
}

void ExecReadings::drop_first(std::deque<ExecReading>& of_pid) {
  --count_;
  bytes_ -= bytes_of(of_pid.front());
  of_pid.pop_front();
}

std::optional<ExecReading> ExecReadings::take(int32_t pid, double stamp_ms) {
  std::optional<ExecReading> taken;
  if (was_told(stamp_ms)) taken.emplace().is_told = true;
  const auto found = readings_.find(pid);
  if (found == readings_.end()) return taken;
  std::deque<ExecReading>& of_pid = found->second;
  // The records of earlier execs were lost.
  while (!of_pid.empty() && of_pid.front().exec_ms + kSlackMs < stamp_ms) drop_first(of_pid);
  if (!of_pid.empty() && of_pid.front().exec_ms - stamp_ms < kLongestMs) {
    bytes_ -= bytes_of(of_pid.front());
    --count_;
    taken = std::move(of_pid.front());
    of_pid.pop_front();
  }
  if (of_pid.empty()) readings_.erase(found);
  return taken;
}

void ExecReadings::forget(double before_ms) {
  if (told_until_ms_ < before_ms) {
    told_from_ms_ = std::numeric_limits<double>::infinity();
    told_until_ms_ = -std::numeric_limits<double>::infinity();
  }
  for (auto at = readings_.begin(); at != readings_.end();) {
    while (!at->second.empty() && at->second.front().exec_ms < before_ms) drop_first(at->second);
    at = at->second.empty() ? readings_.erase(at) : std::next(at);
  }
}

void fill_gaps(audit::AuditEvent& event, const ExecGaps& gaps, const ExecReading* reading) {
  ExecDetails& exec = event.exec;
  const ExecReading* known = reading != nullptr && reading->is_known ? reading : nullptr;
  if (gaps.args && !event.has_execve) {
    exec.args_cut = known == nullptr || known->details.args_cut;
    if (known != nullptr) {
      exec.args = known->args;
      exec.args_count = known->details.args_count;
      exec.args_bytes = known->details.args_bytes;
    }
  }
  if (known == nullptr) return;
  if (gaps.cwd && exec.cwd.empty()) exec.cwd = known->cwd;
  if (gaps.file && event.paths == 0) {
    exec.mode = known->details.mode;
    exec.owner_uid = known->details.owner_uid;
    exec.owner_gid = known->details.owner_gid;
    exec.atime = known->details.atime;
    exec.mtime = known->details.mtime;
    exec.ctime = known->details.ctime;
    exec.btime = known->details.btime;
    exec.inode = known->details.inode;
    exec.device = known->details.device;
    exec.size = known->details.size;
    exec.link_count = known->details.link_count;
    exec.root = known->root;
  }
  if (exec.cgroup.empty()) exec.cgroup = known->cgroup;
  if (gaps.groups) {
    exec.sid = known->details.sid;
    exec.pgid = known->details.pgid;
  }
}

}  // namespace process_ancestry
