#pragma once

#include <cstdint>

#include "../connector/pid_table.h"

namespace process_ancestry {

// Which execs audit may have no record of, because it was off. A system call that began while audit was off
// makes no record. A process that was forked before audit was first switched on never makes one
// (kernel/auditsc.c, audit_alloc). Times are CLOCK_MONOTONIC. Pure.
class AuditStart {
 public:
  // Audit is on since `at_ns` or earlier.
  void began(uint64_t at_ns) { began_ns_ = at_ns; }
  void forked(int32_t pid, uint64_t at_ns) {
    if (at_ns < began_ns_) {
      forked_before_.at(pid) = true;
    } else {
      forked_before_.erase(pid);
    }
  }
  void exited(int32_t pid) { forked_before_.erase(pid); }
  bool may_miss(int32_t pid, uint64_t exec_ns) {
    return exec_ns < began_ns_ || forked_before_.find(pid) != nullptr;
  }

 private:
  uint64_t began_ns_ = 0;
  connector::PidTable<bool> forked_before_;
};

}  // namespace process_ancestry
