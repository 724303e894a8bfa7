#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "../../unique_fd.h"
#include "../netlink_receiver.h"
#include "assembler.h"
#include "control.h"
#include "coverage.h"
#include "flood_watch.h"
#include "kernel.h"
#include "unicast_owner.h"

namespace process_ancestry::audit {

// Our use of the kernel's audit system: set up at the start, checked each second, restored at the end.
class Subscription {
 public:
  struct Options {
    bool forks = false;  // also record calls that make and end processes, and make sessions
    std::string rule_key, state_file;
    size_t socket_buffer_bytes = 0;
    double owner_grace_ms = 0;  // how long a free unicast is left to others
  };
  struct Counters {
    uint64_t records = 0, malformed = 0, enobufs = 0, kernel_lost = 0;
    uint64_t gaps = 0;  // times when audit did not report what it should
  };

  // Passes records to `assembler`.
  Subscription(Options options, Assembler& assembler);
  ~Subscription() { stop(); }
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  void start(std::vector<Problem>& problems);
  // Restores everything. Harmless if nothing was changed.
  void stop();

  // Reads the rules, with ours, before the first drain.
  void begin();

  int fd() const { return socket_.get(); }
  Mode mode() const { return mode_; }
  // Whether audit reports execs now: it is on, and no rule hides them.
  bool works() const { return mode_ != Mode::kOff && works_ && ended_ == 0; }
  const Coverage& coverage() const { return coverage_; }
  // False while changes of process groups are not recorded because there are too many.
  bool hears_groups() const { return !flood_.floods(); }
  // What prevents complete records, or unicast, now.
  std::vector<Problem> problems() const;
  // Takes waiting records until none is left or the assembler holds `bytes_held_max`. False if the socket had
  // overrun.
  bool drain(double now_ms, size_t bytes_held_max);
  // Reads the rules if the last drain reported a change (auditctl -D, a restart of auditd), and restores our
  // missing rules.
  void look_at_changes();
  // Releases unicast if another process requested it in the last drain, and continues by multicast. Unicast
  // then stays free for a while, so the next request succeeds.
  void give_way();
  // Called each second. Checks that audit still answers, whether we still own unicast, and whether unicast is
  // free. Returns the number of records newly lost in the kernel. If the record socket had ended, the mode is
  // then kOff, and `start` must be called again.
  uint32_t check(double now_ms);

  const Counters& counters() const { return counters_; }
  uint32_t kernel_backlog() const { return status_.backlog; }

 private:
  int look_at_status();
  // Whether audit answers.
  bool answers();
  void save_found();
  int become_owner();
  // From multicast to unicast. `read_beside` and `fall_back` go back.
  bool take_over();
  void read_beside();
  void fall_back();
  // Sets `wanted`. Changes by others since our last change become the settings to restore.
  void settle(const Settings& wanted);
  void leave_settings_to_owner();
  int install_rules();
  // Reads the rules in force, restores ours, and computes the coverage.
  void look_at_rules();
  void judge(const Coverage& coverage);
  void stop_hearing_groups();
  void hear_groups_again();
  // Our rules that must be present now.
  std::vector<const Rule*> wanted_rules() const;
  int set(const Settings& wanted);
  bool owner_lives(uint32_t pid) const;

  const Options options_;
  Assembler& assembler_;
  Kernel kernel_;
  UniqueFd socket_;
  NetlinkReceiver receiver_;
  Counters counters_;
  Mode mode_ = Mode::kOff;
  bool changed_anything_ = false;  // settings or rules must be restored
  bool owns_rules_ = false;
  bool rules_changed_ = false;  // possibly changed since the last check
  bool is_look_due_ = false;    // check the rules at the next tick
  uint64_t enobufs_seen_ = 0;
  Coverage coverage_;    // at the last check
  bool judged_ = false;  // whether a check was made
  bool works_ = true;
  uint32_t enabled_judged_ = 1;
  FloodWatch flood_;
  Assembler::GroupCaller flooder_;
  bool ownership_asked_for_ = false;
  UnicastOwnerWatch owner_watch_;
  Handover handover_;
  Status status_;                 // at the last check
  bool has_other_owner_ = false;  // of unicast, at the last check
  int ended_ = 0;                 // errno while audit does not answer
  int socket_error_ = 0;          // errno with which the record socket ended
  int unsaved_ = 0;               // errno if the found settings are not in the state file
  uint64_t records_checked_ = 0;  // value of counters_.records at the last check
  uint32_t lost_seen_ = 0;        // the part of status_.lost that was reported
  Settings found_, set_by_us_;
  struct OwnRule {
    Rule rule;
    bool optional;      // for 32-bit programs: a kernel without support may refuse it
    bool is_of_groups;  // removed while a user floods it
  };
  std::vector<OwnRule> rules_;
  uint32_t owner_request_ = 0;  // its sequence number
  int owner_answer_ = 0;
  double monotonic_now_ = 0;  // at the last drain
};

}  // namespace process_ancestry::audit
