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
  kFallBack,   // somebody else has it
  kOwnerLeft,  // it is free as of now, and left to others for a while
  kOwnerCame,  // it was free
};

// When to become the kernel's one unicast owner, and when to leave it to others. Time is told.
//
// A process that asks while there is an owner is refused at once (EEXIST), and the owner is told of it with
// AUDIT_REPLACE (kernel/audit.c, audit_replace). auditd does not ask twice, so it has to find unicast free
// when somebody starts it again. Without an owner the kernel prints records to the console, so not for ever.
class UnicastOwnerWatch {
 public:
  explicit UnicastOwnerWatch(double grace_ms) : grace_ms_(grace_ms) {}

  // The decision of each second.
  Step each_second(Mode mode, const Status& status, bool owner_lives, uint32_t own_pid, double now_ms);
  // Whether what AUDIT_REPLACE says is a reason to give unicast up: our own requests are told to us too.
  static bool gives_way(Mode mode, uint32_t asker, uint32_t own_pid);
  void given_up(double now_ms) { free_since_ms_ = now_ms; }
  // Another was quicker.
  void missed() { free_since_ms_.reset(); }

 private:
  const double grace_ms_;
  std::optional<double> free_since_ms_;
};

// Which of two copies to read after unicast was taken, while multicast is still on.
//
// kauditd sends each record by multicast, then by unicast. But first comes, by unicast alone, what it had
// held back while there was no owner (kernel/audit.c, kauditd_thread; with audit=1 on the kernel's command
// line), and that was read by multicast long ago, maybe before what is remembered of serials.
class Handover {
 public:
  void begin();
  void cancel() { underway_ = false; }
  bool underway() const { return underway_; }
  // Whether to read this record. The handover is over with the first that came both ways.
  bool reads(bool by_multicast, std::string_view record);

 private:
  bool underway_ = false;
  std::string last_by_multicast_;
};

}  // namespace process_ancestry::audit
