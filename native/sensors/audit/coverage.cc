#include "coverage.h"

#include <linux/audit.h>

#include <algorithm>
#include <string>

#include "assembler.h"

namespace process_ancestry::audit {

Coverage coverage_of(const std::vector<Rule>& rules) {
  Coverage coverage;
  const auto is_excluded = [&rules](uint32_t type) {
    return std::any_of(rules.begin(), rules.end(),
                       [type](const Rule& rule) { return rule.excludes(type) != Hiding::kNone; });
  };
  for (const Rule& rule : rules) {
    coverage.silences_tasks = coverage.silences_tasks || rule.silences_all_tasks();
    coverage.hidden = std::max(coverage.hidden, rule.excludes(kSyscall));
    // The first matching rule of a list decides (kernel/auditsc.c, __audit_filter_op).
    if (coverage.records_execs) continue;
    coverage.hidden = std::max(coverage.hidden, rule.hides_execs());
    coverage.records_execs = rule.covers_exec();
  }
  coverage.without_execve = is_excluded(kExecve);
  coverage.without_cwd = is_excluded(kCwd);
  coverage.without_path = is_excluded(kPath);
  coverage.without_end = is_excluded(kEndOfEvent);
  coverage.without_changes = is_excluded(AUDIT_CONFIG_CHANGE);
  return coverage;
}

std::vector<Problem> problems_of(const Coverage& coverage) {
  std::vector<Problem> problems;
  if (coverage.silences_tasks) problems.push_back({"audit_never_task", ""});
  if (!coverage.records_execs) problems.push_back({"audit_rules_missing", ""});
  if (coverage.hidden == Hiding::kAll) problems.push_back({"audit_execs_hidden", ""});
  if (coverage.hidden == Hiding::kSome) problems.push_back({"audit_some_execs_hidden", ""});
  std::string types;
  const auto add = [&types](bool excluded, const char* type) {
    if (excluded) types += (types.empty() ? "" : ",") + std::string(type);
  };
  add(coverage.without_execve, "EXECVE");
  add(coverage.without_cwd, "CWD");
  add(coverage.without_path, "PATH");
  if (!types.empty()) problems.push_back({"audit_records_excluded", types});
  return problems;
}

std::vector<const Rule*> missing(const std::vector<const Rule*>& own, const std::vector<Rule>& present) {
  std::vector<const Rule*> result;
  for (const Rule* rule : own) {
    const bool there = std::any_of(present.begin(), present.end(),
                                   [rule](const Rule& other) { return rule->is_same_as(other); });
    if (!there) result.push_back(rule);
  }
  return result;
}

}  // namespace process_ancestry::audit
