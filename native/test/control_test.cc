#include "../sensors/audit/control.h"

#include <errno.h>

#include "../sensors/audit/state_file.h"
#include "harness.h"

namespace process_ancestry::audit {
namespace {

constexpr uint32_t kOurs = 100, kOther = 200;

Situation fresh_machine() {
  Situation situation;
  situation.own_pid = kOurs;
  situation.status.backlog_limit = 64;
  situation.status.backlog_wait_time = 15000;
  return situation;
}

Situation with_auditd() {
  Situation situation = fresh_machine();
  situation.status = {1, kOther, 8192, 60000, 0, 0};
  situation.owner_lives = true;
  return situation;
}

std::string codes(const Plan& plan) {
  std::string text;
  for (const Problem& problem : plan.problems) text += problem.code + " ";
  return text;
}

RuleFacts ours() { return {true, false, true}; }
RuleFacts never_task() { return {false, true, false}; }
RuleFacts covering() { return {false, false, true}; }

TEST("free unicast is taken, and a full backlog blocks no process") {
  const Plan plan = decide(fresh_machine());
  CHECK(plan.mode == Mode::kUnicast);
  CHECK(plan.replace_rules);
  CHECK_EQUAL(plan.wanted.enabled, 1U);
  CHECK_EQUAL(plan.wanted.backlog_limit, 8192U);
  CHECK_EQUAL(plan.wanted.backlog_wait_time, 0U);
  CHECK_EQUAL(plan.found.enabled, 0U);
  CHECK_EQUAL(plan.found.backlog_limit, 64U);
  CHECK_EQUAL(plan.found.backlog_wait_time, 15000U);
  CHECK_EQUAL(codes(plan), "");
}

TEST("only settings that differ are changed") {
  const Changes none = changes({1, 8192, 0}, {1, 8192, 0});
  CHECK(!none.any());
  const Changes some = changes({0, 64, 0}, {1, 8192, 0});
  CHECK(some.enabled == 1U);
  CHECK(some.backlog_limit == 8192U);
  CHECK(!some.backlog_wait_time);
}

TEST("a larger backlog limit stays unchanged") {
  Situation situation = fresh_machine();
  situation.status.backlog_limit = 100000;
  CHECK_EQUAL(decide(situation).wanted.backlog_limit, 100000U);
}

TEST("beside an owner we read by multicast with our rules, and keep the owner's wait time") {
  const Plan plan = decide(with_auditd());
  CHECK(plan.mode == Mode::kMulticast);
  CHECK(plan.replace_rules);
  CHECK_EQUAL(plan.wanted.backlog_wait_time, 60000U);
  CHECK_EQUAL(codes(plan), "audit_unicast_taken ");
  CHECK_EQUAL(plan.problems[0].detail, "200");
}

TEST("unicast of a dead owner or of our own process is free") {
  Situation situation = with_auditd();
  situation.owner_lives = false;
  CHECK(decide(situation).mode == Mode::kUnicast);
  situation.owner_lives = true;
  situation.status.pid = kOurs;
  CHECK(decide(situation).mode == Mode::kUnicast);
}

TEST("a locked configuration is not changed, and is used if it covers execve") {
  Situation situation = with_auditd();
  situation.status.enabled = 2;
  Plan plan = decide(situation);
  CHECK(plan.mode == Mode::kOff);
  CHECK_EQUAL(codes(plan), "audit_immutable ");
  situation.rules = {covering()};
  plan = decide(situation);
  CHECK(plan.mode == Mode::kMulticast);
  CHECK(!plan.replace_rules);
  CHECK(!changes(settings_of(situation.status), plan.wanted).any());
  CHECK_EQUAL(codes(plan), "audit_immutable ");
}

TEST("never,task makes audit unusable") {
  Situation situation = fresh_machine();
  situation.rules = {covering(), never_task()};
  const Plan plan = decide(situation);
  CHECK(plan.mode == Mode::kOff);
  CHECK(!plan.replace_rules);
  CHECK_EQUAL(codes(plan), "audit_never_task ");
}

TEST("missing permission and missing support are different problems") {
  for (const auto& [error, code] :
       {std::pair{EPERM, "audit_no_permission "}, std::pair{ECONNREFUSED, "audit_unsupported "},
        std::pair{EPROTONOSUPPORT, "audit_unsupported "}, std::pair{ETIMEDOUT, "audit_start_failed "}}) {
    Situation situation = fresh_machine();
    situation.error = error;
    const Plan plan = decide(situation);
    CHECK(plan.mode == Mode::kOff);
    CHECK_EQUAL(codes(plan), code);
  }
}

TEST("after a crash the found settings are the saved ones") {
  Situation situation = fresh_machine();
  situation.status = {1, kOther, 8192, 0, 0, 0};
  situation.saved = Settings{0, 64, 15000};
  CHECK_EQUAL(decide(situation).found.backlog_limit, 8192U);  // no rule of ours: the file is old
  situation.rules = {ours()};
  const Plan plan = decide(situation);
  CHECK(plan.mode == Mode::kUnicast);
  CHECK_EQUAL(plan.found.enabled, 0U);
  CHECK_EQUAL(plan.found.backlog_limit, 64U);
  CHECK_EQUAL(plan.found.backlog_wait_time, 15000U);
}

TEST("saved settings are not restored while another process owns audit") {
  Situation situation = with_auditd();
  situation.rules = {ours()};
  situation.saved = Settings{0, 64, 15000};
  CHECK_EQUAL(decide(situation).found.enabled, 1U);
}

TEST("our settings are restored, and changes by others stay") {
  const Settings found{0, 64, 15000}, set_by_us{1, 8192, 0};
  Changes restored = restoration(set_by_us, set_by_us, found);
  CHECK(restored.enabled == 0U);
  CHECK(restored.backlog_limit == 64U);
  CHECK(restored.backlog_wait_time == 15000U);
  restored = restoration({1, 20000, 0}, set_by_us, found);
  CHECK(!restored.backlog_limit);
  CHECK(restored.backlog_wait_time == 15000U);
  CHECK(!restoration({2, 8192, 0}, set_by_us, found).any());
}

TEST("after a kill settings that still have our values are restored, even if another process owns unicast") {
  Situation situation = with_auditd();
  situation.rules = {ours()};
  situation.saved = Settings{0, 64, 15000};
  situation.status = {1, kOther, 8192, 60000, 0, 0};
  Changes changes = after_kill(situation);
  CHECK(changes.enabled == 0U);
  CHECK(changes.backlog_limit == 64U);
  CHECK(!changes.backlog_wait_time);
  situation.status.enabled = 2;
  CHECK(!after_kill(situation).any());
}

TEST("saved settings are ignored if the rules of that run are gone") {
  Situation situation = fresh_machine();
  situation.status = {1, 0, 8192, 0, 0, 0};
  situation.saved = Settings{0, 64, 15000};
  CHECK(!after_kill(situation).any());
  situation.rules = {ours()};
  situation.saved = std::nullopt;
  CHECK(!after_kill(situation).any());
}

TEST("the settings that an owner restores when it leaves are the ones to restore") {
  // The owner changed the settings before we started. It left and restored its own, and we took unicast.
  const Settings found = to_go_back_to({0, 64, 15000}, {1, 8192, 0}, {1, 8192, 0});
  CHECK_EQUAL(found.enabled, 0U);
  CHECK_EQUAL(found.backlog_limit, 64U);
  CHECK_EQUAL(found.backlog_wait_time, 15000U);
}

TEST("saved settings are read back unchanged, and any other text is refused") {
  const Settings settings{1, 64, 15000};
  const auto read = from_text(to_text(settings));
  CHECK(read.has_value());
  CHECK_EQUAL(read->enabled, 1U);
  CHECK_EQUAL(read->backlog_limit, 64U);
  CHECK_EQUAL(read->backlog_wait_time, 15000U);
  for (const char* text : {"", "enabled 1\n", "enabled x\nbacklog_limit 64\nbacklog_wait_time 15000\n",
                           "enabled 1\nbacklog_limit 64\nbacklog_wait_time 15000\nmore\n",
                           "enabled -1\nbacklog_limit 64\nbacklog_wait_time 15000\n"}) {
    CHECK(!from_text(text));
  }
}

}  // namespace
}  // namespace process_ancestry::audit
