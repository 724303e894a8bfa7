#pragma once

#include <cstdint>

#include "pid_table.h"

namespace process_ancestry::connector {

// Kernel threads and what they start, up to its first exec. That exec is the kernel's own (kernel/umh.c: a
// core dump's helper, modprobe): no system call makes it, so audit has no record of it. Pure, and indifferent
// to hearing the same thing twice.
class KernelChildren {
 public:
  static constexpr int32_t kKthreadd = 2;

  // A process that was there when we began to listen.
  void seed(int32_t pid, int32_t parent) {
    if (parent == kKthreadd) children_.at(pid) = true;
  }
  // A new process: whatever had this pid before is gone. True if the kernel made it: if it executes, it does
  // so right away.
  bool forked(int32_t parent, int32_t pid) {
    const bool by_kernel = parent == kKthreadd || children_.find(parent) != nullptr;
    if (by_kernel) {
      children_.at(pid) = true;
    } else {
      children_.erase(pid);
    }
    return by_kernel;
  }
  // True if the kernel executes it.
  bool executes(int32_t pid) {
    const bool by_kernel = children_.find(pid) != nullptr;
    if (by_kernel) children_.erase(pid);
    return by_kernel;
  }
  void exited(int32_t pid) { children_.erase(pid); }
  void clear() { children_.clear(); }
  size_t size() const { return children_.size(); }

 private:
  PidTable<bool> children_;
};

}  // namespace process_ancestry::connector
