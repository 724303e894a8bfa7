#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control.h"

namespace process_ancestry::audit {

enum class Step {
  kStay,
  kBecomeOwner,
  kFallBack,   // another process has it
  kOwnerLeft,  // free since now, and left to others for a while
  kOwnerCame,  // it was free
};

// When to become the kernel's one unicast owner, and when to leave unicast to others. Times are passed in.
//
// A request while there is an owner is refused at once (EEXIST), and the owner is notified with AUDIT_REPLACE
// (kernel/audit.c, audit_replace). auditd does not ask twice, so unicast must be free when auditd is started
// again. But without an owner the kernel prints records to the console, so unicast is left free only for a
// limited time.
class UnicastOwnerWatch {
 public:
  explicit UnicastOwnerWatch(double grace_ms) : grace_ms_(grace_ms) {}

  // The decision each second.
  Step each_second(Mode mode, const Status& status, bool owner_lives, uint32_t own_pid, double now_ms);
  // Whether an AUDIT_REPLACE is a reason to release unicast. Our own requests are notified too.
  static bool gives_way(Mode mode, uint32_t asker, uint32_t own_pid);
  void given_up(double now_ms) { free_since_ms_ = now_ms; }
  // Another process became the owner first.
  void missed() { free_since_ms_.reset(); }

 private:
  const double grace_ms_;
  std::optional<double> free_since_ms_;
};

// Selects which of two copies to read after unicast was taken, while multicast is still on.
//
// kauditd sends each record by multicast, then by unicast. But it first sends, by unicast only, the records
// that it kept while there was no owner (kernel/audit.c, kauditd_thread; with audit=1 on the kernel command
// line). These were already read by multicast, perhaps before the remembered serials.
class Handover {
 public:
  void begin();
  void cancel() { underway_ = false; }
  bool underway() const { return underway_; }
  // Whether to read this record. The handover ends with the first record that came both ways.
  bool reads(bool by_multicast, std::string_view record);

 private:
  bool underway_ = false;
  std::string last_by_multicast_;
};

}  // namespace process_ancestry::audit
