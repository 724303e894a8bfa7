#include "../sensors/audit/coverage.h"

#include <linux/audit.h>

#include <cstring>

#include "../sensors/audit/assembler.h"
#include "harness.h"

namespace process_ancestry::audit {
namespace {

Rule rule_of(uint32_t list, uint32_t action, std::initializer_list<std::pair<uint32_t, uint32_t>> fields,
             uint32_t comparison = AUDIT_EQUAL) {
  audit_rule_data rule{};
  rule.flags = list;
  rule.action = action;
  for (const auto& [field, value] : fields) {
    rule.fields[rule.field_count] = field;
    rule.fieldflags[rule.field_count] = comparison;
    rule.values[rule.field_count++] = value;
  }
  std::memset(rule.mask, 0xff, sizeof rule.mask);
  return Rule(std::string(reinterpret_cast<const char*>(&rule), sizeof rule));
}
Rule ours() { return Rule::for_calls(native_arch(), {Call::kExecve, Call::kExecveat}, true, "ours"); }
Rule of_groups() { return Rule::for_calls(native_arch(), {Call::kSetpgid}, true, "ours"); }
Rule excluding(uint32_t type) { return rule_of(AUDIT_FILTER_EXCLUDE, AUDIT_NEVER, {{AUDIT_MSGTYPE, type}}); }
Rule never_exit() { return rule_of(AUDIT_FILTER_EXIT, AUDIT_NEVER, {}); }

std::string codes(const std::vector<Rule>& rules) {
  std::string text;
  for (const Problem& problem : problems_of(coverage_of(rules))) {
    text += problem.code + (problem.detail.empty() ? "" : ":" + problem.detail) + " ";
  }
  return text;
}

TEST("with only our rules audit reports every exec completely") {
  const Coverage coverage = coverage_of({ours(), of_groups()});
  CHECK(coverage.works());
  CHECK(!coverage.has_gaps());
  CHECK(!coverage.without_end);
  CHECK_EQUAL(codes({ours()}), "");
}

TEST("without a rule for execs audit does not work") {
  CHECK(!coverage_of({}).works());
  CHECK(!coverage_of({of_groups()}).works());
  CHECK_EQUAL(codes({of_groups()}), "audit_rules_missing ");
}

TEST("a never,exit rule hides execs only if it is in front") {
  CHECK(coverage_of({ours(), never_exit()}).works());
  CHECK(!coverage_of({never_exit(), ours()}).works());
  CHECK_EQUAL(codes({never_exit(), ours()}), "audit_execs_hidden ");
  const Rule of_cron = rule_of(AUDIT_FILTER_EXIT, AUDIT_NEVER, {{AUDIT_LOGINUID, 7}});
  CHECK(coverage_of({of_cron, ours()}).works());
  CHECK_EQUAL(codes({of_cron, ours()}), "audit_some_execs_hidden ");
}

TEST("a never,task rule hides all new processes at any position") {
  const Rule never_task = rule_of(AUDIT_FILTER_TASK, AUDIT_NEVER, {});
  CHECK(!coverage_of({ours(), never_task}).works());
  CHECK_EQUAL(codes({ours(), never_task}), "audit_never_task ");
}

TEST("excluded types are reported, and without SYSCALL all execs are hidden") {
  CHECK(coverage_of({ours(), excluding(kEndOfEvent)}).without_end);
  CHECK_EQUAL(codes({ours(), excluding(kEndOfEvent)}), "");
  CHECK_EQUAL(codes({excluding(kExecve), ours(), excluding(kCwd), excluding(kPath)}),
              "audit_records_excluded:EXECVE,CWD,PATH ");
  CHECK(coverage_of({ours(), excluding(kExecve)}).works());
  CHECK(!coverage_of({ours(), excluding(kSyscall)}).works());
  CHECK(coverage_of({ours(), excluding(AUDIT_CONFIG_CHANGE)}).without_changes);
}

TEST("an excluded range of types is reported too, and one with conditions hides some execs") {
  const Rule range = rule_of(AUDIT_FILTER_EXCLUDE, AUDIT_ALWAYS, {{AUDIT_MSGTYPE, kCwd}}, AUDIT_GREATER_THAN);
  CHECK_EQUAL(codes({ours(), range}), "audit_records_excluded:EXECVE ");
  CHECK(coverage_of({ours(), range}).without_end);
  const Rule of_user = rule_of(AUDIT_FILTER_EXCLUDE, AUDIT_ALWAYS, {{AUDIT_UID, 33}});
  CHECK(of_user.excludes(kSyscall) == Hiding::kSome);
  CHECK(coverage_of({ours(), of_user}).works());
}

TEST("missing rules are found by comparing everything but their position") {
  const Rule execs = ours(), groups = of_groups();
  CHECK_EQUAL(missing({&execs, &groups}, {groups, execs}).size(), 0U);
  CHECK_EQUAL(missing({&execs, &groups}, {execs}).size(), 1U);
  CHECK(missing({&execs, &groups}, {execs})[0] == &groups);
  const Rule others = Rule::for_calls(native_arch(), {Call::kExecve, Call::kExecveat}, true, "other");
  CHECK_EQUAL(missing({&execs}, {others}).size(), 1U);
  const Rule in_front = execs.for_the_front();
  CHECK(in_front.wire() != execs.wire());
  CHECK(in_front.is_same_as(execs));
  CHECK(!in_front.is_same_as(Rule("")));
}

}  // namespace
}  // namespace process_ancestry::audit
