#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../problem.h"

namespace process_ancestry {

namespace audit {

enum class Mode { kOff, kUnicast, kMulticast };

// The fields of struct audit_status that decisions need.
struct Status {
  uint32_t enabled = 0, pid = 0, backlog_limit = 0, backlog_wait_time = 0, lost = 0, backlog = 0;
};

// The kernel settings that we may change and must restore.
struct Settings {
  uint32_t enabled = 0, backlog_limit = 0, backlog_wait_time = 0;
};
Settings settings_of(const Status& status);

// The fields that AUDIT_SET changes. The others stay.
struct Changes {
  std::optional<uint32_t> enabled, backlog_limit, backlog_wait_time;
  bool any() const { return enabled || backlog_limit || backlog_wait_time; }
};
Changes changes(const Settings& from, const Settings& to);

struct RuleFacts {
  bool ours = false, silences_all_tasks = false, covers_exec = false;
};

// The input of `decide`.
struct Situation {
  int error = 0;  // errno of opening the socket, of AUDIT_GET or of AUDIT_LIST_RULES
  Status status;
  bool owner_lives = false;  // the process of status.pid
  uint32_t own_pid = 0;
  std::vector<RuleFacts> rules;
  std::optional<Settings> saved;  // settings found by an earlier run that did not restore them
};

struct Plan {
  Mode mode = Mode::kOff;
  bool replace_rules = false;  // remove the rules with our key, add ours
  Settings found;              // to restore at the end
  Settings wanted;
  std::vector<Problem> problems;
};
Plan decide(const Situation& situation);

// Whether settings and rules are locked until the next boot.
bool is_immutable(const Status& status);

// The problem for an errno of the audit socket.
Problem problem_of(int error);

// Whether another live process is the unicast owner.
bool has_other_owner(const Status& status, bool owner_lives, uint32_t own_pid);

// The settings for the unicast owner.
Settings wanted_as_owner(const Settings& now);
// The settings while another process owns unicast, or unicast is left free for one.
Settings wanted_beside(const Settings& now);
// The settings to restore, after the previous owner has left the settings `now`.
Settings to_go_back_to(const Settings& now, const Settings& set_by_us, const Settings& found);

// Restores the found values, but only of settings that still have our values. Changes by others stay.
Changes restoration(const Settings& now, const Settings& set_by_us, const Settings& found);

// The changes to make after a killed run, if no instance is running.
Changes after_kill(const Situation& situation);

}  // namespace audit
}  // namespace process_ancestry
