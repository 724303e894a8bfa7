#include "../sensors/audit/rule.h"

#include <linux/audit.h>

#include <cstring>

#include "harness.h"

namespace process_ancestry::audit {
namespace {

struct Sketch {
  std::string text;
  audit_rule_data rule{};

  Sketch(uint32_t list, uint32_t action) {
    rule.flags = list;
    rule.action = action;
  }
  Sketch& field(uint32_t field, uint32_t value, uint32_t op = AUDIT_EQUAL) {
    rule.fields[rule.field_count] = field;
    rule.values[rule.field_count] = value;
    rule.fieldflags[rule.field_count++] = op;
    return *this;
  }
  Sketch& text_field(uint32_t id, const std::string& value) {
    text += value;
    return field(id, static_cast<uint32_t>(value.size()));
  }
  Sketch& all_calls() {
    std::memset(rule.mask, 0xff, sizeof rule.mask);
    return *this;
  }
  Rule done() {
    rule.buflen = static_cast<uint32_t>(text.size());
    return Rule(std::string(reinterpret_cast<const char*>(&rule), sizeof rule) + text);
  }
};

TEST("our rule has our key and covers execve") {
  const Rule rule = Rule::for_calls(native_arch(), {Call::kExecve, Call::kExecveat}, true, "ours");
  CHECK(rule.has_key("ours"));
  CHECK(!rule.has_key("our"));
  CHECK(rule.covers_exec());
  CHECK(!rule.silences_all_tasks());
}

TEST("a key is found after other texts") {
  const Rule rule = Sketch(AUDIT_FILTER_EXIT, AUDIT_ALWAYS)
                        .text_field(AUDIT_EXE, "/usr/bin/ls")
                        .field(AUDIT_UID, 0)
                        .text_field(AUDIT_FILTERKEY, "theirs")
                        .done();
  CHECK(rule.has_key("theirs"));
}

TEST("a rule for 32-bit calls, or with a condition, does not cover execve") {
  CHECK(!Rule::for_calls(compat_arch(), {Call::kExecve}, true, "k").covers_exec());
  CHECK(!Sketch(AUDIT_FILTER_EXIT, AUDIT_ALWAYS).all_calls().field(AUDIT_UID, 1000).done().covers_exec());
  CHECK(!Sketch(AUDIT_FILTER_EXIT, AUDIT_NEVER).all_calls().done().covers_exec());
  CHECK(!Sketch(AUDIT_FILTER_EXIT, AUDIT_ALWAYS).done().covers_exec());
  CHECK(Sketch(AUDIT_FILTER_EXIT, AUDIT_ALWAYS).all_calls().done().covers_exec());
}

TEST("never,task silences all tasks, unless it has a condition") {
  CHECK(Sketch(AUDIT_FILTER_TASK, AUDIT_NEVER).done().silences_all_tasks());
  CHECK(!Sketch(AUDIT_FILTER_TASK, AUDIT_NEVER).field(AUDIT_UID, 1000).done().silences_all_tasks());
  CHECK(!Sketch(AUDIT_FILTER_EXIT, AUDIT_NEVER).done().silences_all_tasks());
}

TEST("never,exit on execve hides all execs, or some if it has a condition") {
  CHECK(Sketch(AUDIT_FILTER_EXIT, AUDIT_NEVER).all_calls().done().hides_execs() == Hiding::kAll);
  const auto on_arch = [](uint32_t arch) {
    return Sketch(AUDIT_FILTER_EXIT, AUDIT_NEVER).all_calls().field(AUDIT_ARCH, arch).done().hides_execs();
  };
  CHECK(on_arch(native_arch()) == Hiding::kAll);
  CHECK(on_arch(compat_arch()) == Hiding::kNone);
  const Rule one_user = Sketch(AUDIT_FILTER_EXIT, AUDIT_NEVER).all_calls().field(AUDIT_UID, 33).done();
  CHECK(one_user.hides_execs() == Hiding::kSome);
  const Rule failures = Sketch(AUDIT_FILTER_EXIT, AUDIT_NEVER).all_calls().field(AUDIT_SUCCESS, 0).done();
  CHECK(failures.hides_execs() == Hiding::kNone);
  CHECK(Sketch(AUDIT_FILTER_EXIT, AUDIT_NEVER).done().hides_execs() == Hiding::kNone);
  CHECK(Sketch(AUDIT_FILTER_EXIT, AUDIT_ALWAYS).all_calls().done().hides_execs() == Hiding::kNone);
}

TEST("an exclude rule excludes one record type for all readers, with any action") {
  for (const uint32_t action : {AUDIT_ALWAYS, AUDIT_NEVER}) {
    const Rule rule = Sketch(AUDIT_FILTER_EXCLUDE, action).field(AUDIT_MSGTYPE, AUDIT_CWD).done();
    CHECK_EQUAL(rule.excluded_type(), uint32_t{AUDIT_CWD});
  }
  const Rule of_user =
      Sketch(AUDIT_FILTER_EXCLUDE, AUDIT_NEVER).field(AUDIT_MSGTYPE, AUDIT_CWD).field(AUDIT_UID, 33).done();
  CHECK_EQUAL(of_user.excluded_type(), 0u);
  CHECK_EQUAL(Sketch(AUDIT_FILTER_EXIT, AUDIT_NEVER).field(AUDIT_MSGTYPE, AUDIT_CWD).done().excluded_type(),
              0u);
}

TEST("a cut rule, or one with wrong sizes, matches nothing") {
  const std::string wire = Rule::for_calls(native_arch(), {Call::kExecve}, true, "ours").wire();
  for (size_t size = 0; size < wire.size(); ++size) {
    const Rule rule(std::string_view(wire).substr(0, size));
    CHECK(!rule.has_key("ours"));
    CHECK(!rule.covers_exec());
  }
  std::string lie = wire;
  lie[offsetof(audit_rule_data, field_count)] = 65;
  CHECK(!Rule(lie).has_key("ours"));
}

}  // namespace
}  // namespace process_ancestry::audit
