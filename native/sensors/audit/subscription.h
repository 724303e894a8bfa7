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

// Our hold on the kernel's audit system: taken at the start, looked after each second, put back at the end.
class Subscription {
 public:
  struct Options {
    bool forks = false;  // also the calls that make and end processes, and make sessions
    std::string rule_key, state_file;
    size_t socket_buffer_bytes = 0;
    double owner_grace_ms = 0;  // for which unicast is left to others once it is free
  };
  struct Counters {
    uint64_t records = 0, malformed = 0, enobufs = 0, kernel_lost = 0;
    uint64_t gaps = 0;  // times in which audit did not tell what it should
  };

  // Records go to `assembler`.
  Subscription(Options options, Assembler& assembler);
  ~Subscription() { stop(); }
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  void start(std::vector<Problem>& problems);
  // Puts everything back. Harmless if nothing was taken.
  void stop();

  // Before the first drain: looks at the rules as they are with ours.
  void begin();

  int fd() const { return socket_.get(); }
  Mode mode() const { return mode_; }
  // Whether audit tells of execs now: it is switched on, and no rule keeps them from it.
  bool works() const { return mode_ != Mode::kOff && works_ && ended_ == 0; }
  const Coverage& coverage() const { return coverage_; }
  // False while changes of process groups are not recorded, because there are too many.
  bool hears_groups() const { return !flood_.floods(); }
  // What keeps it from telling all, or from being the one reader, now.
  std::vector<Problem> problems() const;
  // Takes the records that wait, until none is left or the assembler holds `bytes_held_max`.
  // False if the socket had overrun.
  bool drain(double now_ms, size_t bytes_held_max);
  // Looks at the rules if the last drain told that they were changed (auditctl -D, a restart of auditd), and
  // puts back those of ours that are gone.
  void look_at_changes();
  // Gives unicast up if the last drain told that somebody else asked for it; reading goes on by
  // multicast. The next who asks gets it: it is left free for a while.
  void give_way();
  // Each second: does audit still answer and tell, do we still own unicast, or is it free. The number of
  // records newly lost in the kernel. It is off after that where the socket for records had ended: to be
  // started again.
  uint32_t check(double now_ms);

  const Counters& counters() const { return counters_; }
  uint32_t kernel_backlog() const { return status_.backlog; }

 private:
  int look_at_status();
  // Whether audit answers.
  bool answers();
  void save_found();
  int become_owner();
  // From multicast to unicast, and back.
  bool take_over();
  void read_beside();
  void fall_back();
  // Sets `wanted`; what others have changed since we last set anything becomes what is put back.
  void settle(const Settings& wanted);
  void leave_settings_to_owner();
  int install_rules();
  // Reads the rules that are in force, puts ours back, and judges what they leave.
  void look_at_rules();
  void judge(const Coverage& coverage);
  void stop_hearing_groups();
  void hear_groups_again();
  // Those of our rules that are wanted now.
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
  bool changed_anything_ = false;  // there is something to put back
  bool owns_rules_ = false;
  bool rules_changed_ = false;  // maybe, since they were looked at
  bool is_look_due_ = false;    // in the next second, at the rules
  uint64_t enobufs_seen_ = 0;
  Coverage coverage_;    // as of the last look
  bool judged_ = false;  // whether there was one
  bool works_ = true;
  uint32_t enabled_judged_ = 1;
  FloodWatch flood_;
  Assembler::GroupCaller flooder_;
  bool ownership_asked_for_ = false;
  UnicastOwnerWatch owner_watch_;
  Handover handover_;
  Status status_;                 // as of the last look
  bool has_other_owner_ = false;  // of unicast, as of the last look
  int ended_ = 0;                 // an errno, for as long as audit does not answer
  int socket_error_ = 0;          // with which the socket for records ended
  int unsaved_ = 0;               // an errno: what was found is not in the state file
  uint64_t records_checked_ = 0;  // of counters_.records, when it was last asked
  uint32_t lost_seen_ = 0;        // of status_.lost, what has been told
  Settings found_, set_by_us_;
  struct OwnRule {
    Rule rule;
    bool optional;      // for 32-bit programs: a kernel that runs none may refuse it
    bool is_of_groups;  // taken out while a user floods it
  };
  std::vector<OwnRule> rules_;
  uint32_t owner_request_ = 0;  // its sequence number
  int owner_answer_ = 0;
  double monotonic_now_ = 0;  // of the last drain
};

}  // namespace process_ancestry::audit
