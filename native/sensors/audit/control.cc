#include "control.h"

#include <errno.h>

#include <algorithm>
#include <cstring>

namespace process_ancestry::audit {
namespace {

constexpr uint32_t kImmutable = 2;  // of status.enabled (man 8 auditctl, -e)
constexpr uint32_t kBacklogLimit = 8192;

bool any_rule(const Situation& situation, bool RuleFacts::*fact) {
  return std::any_of(situation.rules.begin(), situation.rules.end(),
                     [fact](const RuleFacts& rule) { return rule.*fact; });
}

}  // namespace

bool is_immutable(const Status& status) { return status.enabled == kImmutable; }

bool has_other_owner(const Status& status, bool owner_lives, uint32_t own_pid) {
  return status.pid != 0 && status.pid != own_pid && owner_lives;
}

Settings settings_of(const Status& status) {
  return {status.enabled, status.backlog_limit, status.backlog_wait_time};
}

Changes changes(const Settings& from, const Settings& to) {
  Changes result;
  if (from.enabled != to.enabled) result.enabled = to.enabled;
  if (from.backlog_limit != to.backlog_limit) result.backlog_limit = to.backlog_limit;
  if (from.backlog_wait_time != to.backlog_wait_time) result.backlog_wait_time = to.backlog_wait_time;
  return result;
}

Problem problem_of(int error) {
  switch (error) {
    case EPERM:
    case EACCES:
      return {"audit_no_permission", std::strerror(error)};
    case ECONNREFUSED:  // not in the initial user namespace (kernel/audit.c, audit_netlink_ok), or audit=0
    case EPROTONOSUPPORT:
    case EAFNOSUPPORT:
      return {"audit_unsupported", std::strerror(error)};
    default:
      return {"audit_start_failed", std::strerror(error)};
  }
}

Settings wanted_as_owner(const Settings& now) {
  // With a wait time, a full backlog would block every process of the host.
  return {1, std::max(now.backlog_limit, kBacklogLimit), 0};
}

Settings wanted_beside(const Settings& now) {
  Settings wanted = wanted_as_owner(now);
  // The owner decides whether processes wait for it.
  wanted.backlog_wait_time = now.backlog_wait_time;
  return wanted;
}

Settings to_go_back_to(const Settings& now, const Settings& set_by_us, const Settings& found) {
  Settings result = now;
  if (now.enabled == set_by_us.enabled) result.enabled = found.enabled;
  if (now.backlog_limit == set_by_us.backlog_limit) result.backlog_limit = found.backlog_limit;
  if (now.backlog_wait_time == set_by_us.backlog_wait_time)
    result.backlog_wait_time = found.backlog_wait_time;
  return result;
}

Plan decide(const Situation& situation) {
  Plan plan;
  if (situation.error != 0) {
    plan.problems.push_back(problem_of(situation.error));
    return plan;
  }
  const Status& status = situation.status;
  const bool taken = has_other_owner(status, situation.owner_lives, situation.own_pid);
  // Rules with our key are from a crash, or from another running instance. Only after a crash are the present
  // settings ours; then the saved settings are restored.
  const bool crashed = !taken && any_rule(situation, &RuleFacts::ours);
  plan.found = crashed && situation.saved ? *situation.saved : settings_of(status);
  plan.wanted = settings_of(status);
  if (any_rule(situation, &RuleFacts::silences_all_tasks)) {
    plan.problems.push_back({"audit_never_task", "a never,task rule prevents auditing of all processes"});
    return plan;
  }
  if (is_immutable(status)) {
    const bool covered = any_rule(situation, &RuleFacts::covers_exec);
    plan.problems.push_back(
        {"audit_immutable", covered
                                ? "locked until reboot, with rules that cover execve: reading by multicast"
                                : "locked until reboot, and no rule covers execve"});
    if (covered) plan.mode = Mode::kMulticast;
    return plan;
  }
  plan.replace_rules = true;
  plan.mode = taken ? Mode::kMulticast : Mode::kUnicast;
  plan.wanted = taken ? wanted_beside(plan.wanted) : wanted_as_owner(plan.wanted);
  if (taken) plan.problems.push_back({"audit_unicast_taken", std::to_string(status.pid)});
  return plan;
}

Changes restoration(const Settings& now, const Settings& set_by_us, const Settings& found) {
  if (now.enabled == kImmutable) return {};
  return changes(now, to_go_back_to(now, set_by_us, found));
}

Changes after_kill(const Situation& situation) {
  // As in `decide`: the present settings are ours only if our rules are there.
  if (!any_rule(situation, &RuleFacts::ours) || !situation.saved) return {};
  return restoration(settings_of(situation.status), wanted_as_owner(*situation.saved), *situation.saved);
}

}  // namespace process_ancestry::audit
