#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "syscalls.h"

namespace process_ancestry::audit {

// How many of the machine's execs a rule hides.
enum class Hiding { kNone, kSome, kAll };

// One kernel rule: struct audit_rule_data and its text, in the netlink format.
class Rule {
 public:
  // From an AUDIT_LIST_RULES answer. A message that is too short becomes a rule that matches nothing.
  explicit Rule(std::string_view wire) : wire_(wire) {}

  // exit,always on these calls of one architecture, with a key.
  static Rule for_calls(uint32_t arch, const std::vector<Call>& calls, bool only_successful,
                        std::string_view key);

  const std::string& wire() const { return wire_; }
  bool has_key(std::string_view key) const;
  // Whether it is `never,task` without conditions, so that no new task is audited.
  bool silences_all_tasks() const;
  // Whether it is exit,always on execve of the machine's own architecture, without conditions that a
  // successful exec could fail.
  bool covers_exec() const;
  // For never,exit on execve of the machine's own architecture: kAll without conditions, else kSome.
  Hiding hides_execs() const;
  // The record type that a rule of the exclude list excludes for all readers; 0 for other rules.
  uint32_t excluded_type() const;
  // For a rule of the exclude list: how many of the records of this type it excludes.
  Hiding excludes(uint32_t type) const;
  // Whether `other`, as the kernel returned it, is this rule.
  bool is_same_as(const Rule& other) const;
  // The same rule for the front of its list, before all present rules (auditctl -A).
  Rule for_the_front() const;

 private:
  std::string wire_;
};

}  // namespace process_ancestry::audit
