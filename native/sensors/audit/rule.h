#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "syscalls.h"

namespace process_ancestry::audit {

// How many of the execs on the machine are kept from being recorded.
enum class Hiding { kNone, kSome, kAll };

// One rule of the kernel's: struct audit_rule_data and its text, as it goes over the wire.
class Rule {
 public:
  // From an AUDIT_LIST_RULES answer; what is too short becomes a rule that matches nothing.
  explicit Rule(std::string_view wire) : wire_(wire) {}

  // exit,always on these calls of one architecture, with a key.
  static Rule for_calls(uint32_t arch, const std::vector<Call>& calls, bool only_successful,
                        std::string_view key);

  const std::string& wire() const { return wire_; }
  bool has_key(std::string_view key) const;
  // The rule that keeps every new task from being audited: `never,task` without conditions.
  bool silences_all_tasks() const;
  // exit,always on execve of the machine's own architecture, without conditions that could fail for a
  // success.
  bool covers_exec() const;
  // Of never,exit on execve of the machine's own architecture: all without conditions, else some.
  Hiding hides_execs() const;
  // The type of the records that a rule of the exclude list keeps from everybody; 0 if it is no such rule.
  uint32_t excluded_type() const;
  // Of a rule of the exclude list: how many of the records of this type it keeps from everybody.
  Hiding excludes(uint32_t type) const;
  // Whether the kernel's answer `other` is this rule.
  bool is_same_as(const Rule& other) const;
  // The same rule for the front of its list: it decides before those that are there (auditctl -A).
  Rule for_the_front() const;

 private:
  std::string wire_;
};

}  // namespace process_ancestry::audit
