#pragma once

#include <string_view>
#include <vector>

#include "../problem.h"
#include "rule.h"

namespace process_ancestry::audit {

// Which execs the kernel's rules record, considering their order.
struct Coverage {
  // never,task: processes created while the rule is loaded are not audited.
  bool silences_tasks = false;
  // A never,exit rule before all rules that record execs, or a rule that excludes SYSCALL.
  Hiding hidden = Hiding::kNone;
  // Whether a rule records all other execs.
  bool records_execs = false;
  // Record types that are missing, always or for some execs.
  bool without_execve = false, without_cwd = false, without_path = false, without_end = false;
  // Rule changes are not reported.
  bool without_changes = false;

  // Whether audit reports every exec, possibly with parts missing.
  bool works() const { return records_execs && !silences_tasks && hidden != Hiding::kAll; }
  bool has_gaps() const { return without_execve || without_cwd || without_path; }
};
Coverage coverage_of(const std::vector<Rule>& rules);

// The problems of this coverage, with the rules that cause them.
std::vector<Problem> problems_of(const Coverage& coverage);

// The rules of `own` that are not in `present`.
std::vector<const Rule*> missing(const std::vector<const Rule*>& own, const std::vector<Rule>& present);

}  // namespace process_ancestry::audit
