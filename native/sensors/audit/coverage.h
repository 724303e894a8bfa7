#pragma once

#include <string_view>
#include <vector>

#include "../problem.h"
#include "rule.h"

namespace process_ancestry::audit {

// What the kernel's rules, in their order, leave of an exec.
struct Coverage {
  // never,task: who is created meanwhile is not audited.
  bool silences_tasks = false;
  // By a rule never,exit in front of all that record execs, or by a rule that excludes SYSCALL.
  Hiding hidden = Hiding::kNone;
  // Whether a rule records all that is not hidden.
  bool records_execs = false;
  // Types of records that do not come, or not of every exec.
  bool without_execve = false, without_cwd = false, without_path = false, without_end = false;
  // No reader is told of a change of the rules.
  bool without_changes = false;

  // Whether audit tells of every exec, with parts of it missing at most.
  bool works() const { return records_execs && !silences_tasks && hidden != Hiding::kAll; }
  bool has_gaps() const { return without_execve || without_cwd || without_path; }
};
Coverage coverage_of(const std::vector<Rule>& rules);

// What is wrong with it, and the rules to blame.
std::vector<Problem> problems_of(const Coverage& coverage);

// Which of `own` are not among `present`.
std::vector<const Rule*> missing(const std::vector<const Rule*>& own, const std::vector<Rule>& present);

}  // namespace process_ancestry::audit
