#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../problem.h"

namespace process_ancestry {

namespace audit {

enum class Mode { kOff, kUnicast, kMulticast };

// Of struct audit_status, what decisions need.
struct Status {
  uint32_t enabled = 0, pid = 0, backlog_limit = 0, backlog_wait_time = 0, lost = 0, backlog = 0;
};

// The kernel's settings that we may change, and so put back.
struct Settings {
  uint32_t enabled = 0, backlog_limit = 0, backlog_wait_time = 0;
};
Settings settings_of(const Status& status);

// What AUDIT_SET is to change; the others stay.
struct Changes {
  std::optional<uint32_t> enabled, backlog_limit, backlog_wait_time;
  bool any() const { return enabled || backlog_limit || backlog_wait_time; }
};
Changes changes(const Settings& from, const Settings& to);

struct RuleFacts {
  bool ours = false, silences_all_tasks = false, covers_exec = false;
};

// All that the decision rests on.
struct Situation {
  int error = 0;  // errno of opening the socket, of AUDIT_GET or of AUDIT_LIST_RULES
  Status status;
  bool owner_lives = false;  // the process that status.pid names
  uint32_t own_pid = 0;
  std::vector<RuleFacts> rules;
  std::optional<Settings> saved;  // what an earlier run, that could not put it back, had found
};

struct Plan {
  Mode mode = Mode::kOff;
  bool replace_rules = false;  // remove those with our key, add ours
  Settings found;              // to put back at the end
  Settings wanted;
  std::vector<Problem> problems;
};
Plan decide(const Situation& situation);

// Whether nobody can change anything until the next boot.
bool is_immutable(const Status& status);

// What an errno of the audit socket means to the user.
Problem problem_of(int error);

// Whether another process that lives is the unicast owner.
bool has_other_owner(const Status& status, bool owner_lives, uint32_t own_pid);

// What the one unicast reader sets.
Settings wanted_as_owner(const Settings& now);
// What is set beside another reader, or while unicast is left to one.
Settings wanted_beside(const Settings& now);
// What to put back, once the owner before us has left `now` behind.
Settings to_go_back_to(const Settings& now, const Settings& set_by_us, const Settings& found);

// What to put back: found values, but only where ours still stand; what others changed meanwhile is theirs.
Changes restoration(const Settings& now, const Settings& set_by_us, const Settings& found);

// What to put back when a run was killed and none runs now.
Changes after_kill(const Situation& situation);

}  // namespace audit
}  // namespace process_ancestry
