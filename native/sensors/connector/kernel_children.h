#pragma once

#include <cstdint>

#include "pid_table.h"

namespace process_ancestry::connector {

// Kernel threads and their children, up to the first exec. The kernel itself makes that exec (kernel/umh.c: a
// core dump helper, modprobe). No system call makes it, so audit has no record of it. Pure. Repeated events
// do no harm.
class KernelChildren {
 public:
  static constexpr int32_t kKthreadd = 2;

  // A process that lived before the first event.
  void seed(int32_t pid, int32_t parent) {
    if (parent == kKthreadd) children_.at(pid) = true;
  }
  // A new process: the state of an earlier process with this pid is dropped. True if the kernel made it. It
  // then executes at once, if ever.
  bool forked(int32_t parent, int32_t pid) {
    const bool by_kernel = parent == kKthreadd || children_.find(parent) != nullptr;
    if (by_kernel) {
      children_.at(pid) = true;
    } else {
      children_.erase(pid);
    }
    return by_kernel;
  }
  // True if the kernel makes this exec.
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
