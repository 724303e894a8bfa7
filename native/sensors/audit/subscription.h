#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "../../unique_fd.h"
#include "../netlink_receiver.h"
#include "assembler.h"
#include "control.h"
#include "kernel.h"
#include "place.h"

namespace process_ancestry::audit {

// Our hold on the kernel's audit system: taken at the start, looked after each second, put back at the end.
class Subscription {
 public:
  struct Options {
    bool forks = false;  // also the calls that make and end processes, and make sessions
    std::string rule_key, state_file;
    size_t socket_buffer_bytes = 0;
    double place_grace_ms = 0;  // for which a place that became free is left to others
  };
  struct Counters {
    uint64_t records = 0, malformed = 0, enobufs = 0, kernel_lost = 0, rules_restored = 0;
  };

  // Records go to `assembler`.
  Subscription(Options options, Assembler& assembler);
  ~Subscription() { stop(); }
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  void start(std::vector<Problem>& problems);
  // Puts everything back. Harmless if nothing was taken.
  void stop();

  int fd() const { return socket_.get(); }
  Mode mode() const { return mode_; }
  // False once somebody switched auditing off.
  bool enabled() const { return status_.enabled != 0; }
  // Takes the records that wait, until none is left or the assembler holds `bytes_held_max`.
  // False if the socket had overrun.
  bool drain(double now_ms, size_t bytes_held_max);
  // Puts back our rules if the last drain told that some were removed (auditctl -D, a restart of auditd).
  // True if they had been missing, that is, if something may have been missed.
  bool restore_removed_rules();
  // Gives the unicast place up if the last drain told that somebody else asked for it; reading goes on by
  // multicast. The next who asks gets it: it is left free for a while.
  void give_way();
  // Each second: is the place still ours, or free to take. The number of records newly lost in the kernel.
  uint32_t check(double now_ms);

  const Counters& counters() const { return counters_; }
  uint32_t kernel_backlog() const { return status_.backlog; }

 private:
  int take_place();
  // From multicast to unicast, and back.
  bool take_over();
  void read_beside();
  void fall_back();
  // Sets `wanted`; what others have changed since we last set anything becomes what is put back.
  void settle(const Settings& wanted);
  void leave_settings_to_owner();
  int set_multicast(bool joined);
  // Adds those of our rules that are not there; `added` becomes how many.
  int install_rules(unsigned& added);
  int set(const Settings& wanted);
  bool owner_lives(uint32_t pid) const;

  const Options options_;
  Assembler& assembler_;
  Kernel kernel_;
  UniqueFd socket_;
  NetlinkReceiver receiver_;
  Counters counters_;
  Mode mode_ = Mode::kOff;
  bool changed_anything_ = false;  // there is something to put back
  bool owns_rules_ = false;
  bool rules_removed_ = false;  // by somebody else
  bool place_asked_for_ = false;
  PlaceWatch place_watch_;
  Handover handover_;
  Status status_;           // as of the last look
  uint32_t lost_seen_ = 0;  // of status_.lost, what has been told
  Settings found_, set_by_us_;
  struct OwnRule {
    Rule rule;
    bool optional;  // for 32-bit programs: a kernel that runs none may refuse it
  };
  std::vector<OwnRule> rules_;
  uint32_t place_request_ = 0;  // its sequence number
  int place_answer_ = 0;
  double monotonic_now_ = 0;  // of the last drain
};

}  // namespace process_ancestry::audit
