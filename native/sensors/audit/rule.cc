#include "rule.h"

#include <linux/audit.h>

#include <cstring>

namespace process_ancestry::audit {
namespace {

// Copies the fixed part out of the message. False if it is incomplete or invalid.
bool read_header(const std::string& wire, audit_rule_data& rule) {
  if (wire.size() < sizeof rule) return false;
  std::memcpy(&rule, wire.data(), sizeof rule);
  return rule.field_count <= AUDIT_MAX_FIELDS && rule.buflen <= wire.size() - sizeof rule;
}

// Whether the rule is in this list with this action, at any position.
bool is(const audit_rule_data& rule, uint32_t list, uint32_t action) {
  return (rule.flags & ~uint32_t{AUDIT_FILTER_PREPEND}) == list && rule.action == action;
}

bool concerns_execve(const audit_rule_data& rule) {
  uint32_t execve;
  if (!number_of(native_arch(), Call::kExecve, execve)) return false;
  return (rule.mask[AUDIT_WORD(execve)] & AUDIT_BIT(execve)) != 0;
}

// Whether the field's value is the size of a text in the buffer (kernel/auditfilter.c, audit_data_to_entry).
bool has_text(uint32_t field) {
  return (field >= AUDIT_SUBJ_USER && field <= AUDIT_SUBJ_CLR) ||
         (field >= AUDIT_OBJ_USER && field <= AUDIT_OBJ_LEV_HIGH) || field == AUDIT_WATCH ||
         field == AUDIT_DIR || field == AUDIT_FILTERKEY || field == AUDIT_EXE;
}

// kernel/auditfilter.c, audit_comparator.
bool holds(uint32_t left, uint32_t comparison, uint32_t right) {
  switch (comparison) {
    case AUDIT_EQUAL:
      return left == right;
    case AUDIT_NOT_EQUAL:
      return left != right;
    case AUDIT_LESS_THAN:
      return left < right;
    case AUDIT_LESS_THAN_OR_EQUAL:
      return left <= right;
    case AUDIT_GREATER_THAN:
      return left > right;
    case AUDIT_GREATER_THAN_OR_EQUAL:
      return left >= right;
    case AUDIT_BIT_MASK:
      return (left & right) != 0;
    case AUDIT_BIT_TEST:
      return (left & right) == right;
    default:
      return false;
  }
}

void add_condition(audit_rule_data& rule, uint32_t field, uint32_t value) {
  rule.fields[rule.field_count] = field;
  rule.fieldflags[rule.field_count] = AUDIT_EQUAL;
  rule.values[rule.field_count++] = value;
}

}  // namespace

Rule Rule::for_calls(uint32_t arch, const std::vector<Call>& calls, bool only_successful,
                     std::string_view key) {
  audit_rule_data rule{};
  rule.flags = AUDIT_FILTER_EXIT;
  rule.action = AUDIT_ALWAYS;
  for (const Call call : calls) {
    uint32_t number;
    if (number_of(arch, call, number)) rule.mask[AUDIT_WORD(number)] |= AUDIT_BIT(number);
  }
  add_condition(rule, AUDIT_ARCH, arch);
  if (only_successful) add_condition(rule, AUDIT_SUCCESS, 1);
  add_condition(rule, AUDIT_FILTERKEY, static_cast<uint32_t>(key.size()));
  rule.buflen = static_cast<uint32_t>(key.size());
  std::string wire(reinterpret_cast<const char*>(&rule), sizeof rule);
  wire.append(key);
  return Rule(wire);
}

bool Rule::has_key(std::string_view key) const {
  audit_rule_data rule;
  if (!read_header(wire_, rule)) return false;
  size_t at = sizeof rule;
  for (uint32_t i = 0; i < rule.field_count; ++i) {
    if (!has_text(rule.fields[i])) continue;
    if (rule.values[i] > wire_.size() - at) return false;
    if (rule.fields[i] == AUDIT_FILTERKEY && std::string_view(wire_).substr(at, rule.values[i]) == key)
      return true;
    at += rule.values[i];
  }
  return false;
}

bool Rule::silences_all_tasks() const {
  audit_rule_data rule;
  if (!read_header(wire_, rule)) return false;
  if (!is(rule, AUDIT_FILTER_TASK, AUDIT_NEVER)) return false;
  for (uint32_t i = 0; i < rule.field_count; ++i) {
    if (rule.fields[i] != AUDIT_FILTERKEY) return false;
  }
  return true;
}

bool Rule::covers_exec() const {
  audit_rule_data rule;
  if (!read_header(wire_, rule)) return false;
  if (!is(rule, AUDIT_FILTER_EXIT, AUDIT_ALWAYS) || !concerns_execve(rule)) return false;
  for (uint32_t i = 0; i < rule.field_count; ++i) {
    const bool equal = rule.fieldflags[i] == AUDIT_EQUAL;
    if (rule.fields[i] == AUDIT_FILTERKEY) continue;
    if (rule.fields[i] == AUDIT_ARCH && equal && rule.values[i] == native_arch()) continue;
    if (rule.fields[i] == AUDIT_SUCCESS && equal && rule.values[i] != 0) continue;
    return false;
  }
  return true;
}

Hiding Rule::hides_execs() const {
  audit_rule_data rule;
  if (!read_header(wire_, rule)) return Hiding::kNone;
  if (!is(rule, AUDIT_FILTER_EXIT, AUDIT_NEVER) || !concerns_execve(rule)) return Hiding::kNone;
  Hiding result = Hiding::kAll;
  for (uint32_t i = 0; i < rule.field_count; ++i) {
    const bool equal = rule.fieldflags[i] == AUDIT_EQUAL;
    if (rule.fields[i] == AUDIT_FILTERKEY) continue;
    if (rule.fields[i] == AUDIT_ARCH && equal) {
      if (rule.values[i] != native_arch()) return Hiding::kNone;
      continue;
    }
    if (rule.fields[i] == AUDIT_SUCCESS && equal) {
      if (rule.values[i] == 0) return Hiding::kNone;
      continue;
    }
    result = Hiding::kSome;
  }
  return result;
}

uint32_t Rule::excluded_type() const {
  audit_rule_data rule;
  if (!read_header(wire_, rule)) return 0;
  // The action does not matter: kernel/auditfilter.c, audit_filter.
  if ((rule.flags & ~uint32_t{AUDIT_FILTER_PREPEND}) != AUDIT_FILTER_EXCLUDE) return 0;
  uint32_t type = 0;
  for (uint32_t i = 0; i < rule.field_count; ++i) {
    if (rule.fields[i] == AUDIT_FILTERKEY) continue;
    if (rule.fields[i] != AUDIT_MSGTYPE || rule.fieldflags[i] != AUDIT_EQUAL) return 0;
    type = rule.values[i];
  }
  return type;
}

Hiding Rule::excludes(uint32_t type) const {
  audit_rule_data rule;
  if (!read_header(wire_, rule)) return Hiding::kNone;
  if ((rule.flags & ~uint32_t{AUDIT_FILTER_PREPEND}) != AUDIT_FILTER_EXCLUDE) return Hiding::kNone;
  Hiding result = Hiding::kAll;
  for (uint32_t i = 0; i < rule.field_count; ++i) {
    if (rule.fields[i] == AUDIT_FILTERKEY) continue;
    if (rule.fields[i] != AUDIT_MSGTYPE) {
      result = Hiding::kSome;
    } else if (!holds(type, rule.fieldflags[i], rule.values[i])) {
      return Hiding::kNone;
    }
  }
  return result;
}

bool Rule::is_same_as(const Rule& other) const {
  audit_rule_data own, others;
  if (!read_header(wire_, own) || !read_header(other.wire_, others)) return false;
  own.flags &= ~uint32_t{AUDIT_FILTER_PREPEND};
  return std::memcmp(&own, &others, sizeof own) == 0 &&
         wire_.compare(sizeof own, own.buflen, other.wire_, sizeof own, own.buflen) == 0;
}

Rule Rule::for_the_front() const {
  std::string wire = wire_;
  audit_rule_data rule;
  if (!read_header(wire_, rule)) return *this;
  rule.flags |= AUDIT_FILTER_PREPEND;
  std::memcpy(wire.data(), &rule, sizeof rule);
  return Rule(wire);
}

}  // namespace process_ancestry::audit
