#include "cleanup.h"

#include <vector>

#include "kernel.h"
#include "state_file.h"

namespace process_ancestry::audit {

Cleanup clean_up(const std::string& our_key, const std::string& state_file) {
  Cleanup result;
  Kernel kernel;
  Situation situation;
  std::vector<Rule> rules;
  int error = kernel.open();
  if (error == 0) error = kernel.status(situation.status);
  if (error == 0) error = kernel.rules(rules);
  if (error != 0) {
    result.problem = problem_of(error);
    return result;
  }
  situation.saved = read_state_file(state_file);
  // Rules are removed first: while audit is on without a reader, every record goes to the console.
  for (const Rule& rule : rules) {
    situation.rules.push_back({rule.has_key(our_key), rule.silences_all_tasks(), rule.covers_exec()});
    if (!situation.rules.back().ours) continue;
    const int refused = kernel.remove(rule);
    if (refused == 0) {
      ++result.rules_removed;
    } else {
      error = refused;
    }
  }
  const Changes changes = after_kill(situation);
  if (changes.any()) {
    const int refused = kernel.set(changes);
    result.settings_put_back = refused == 0;
    if (refused != 0) error = refused;
  }
  if (error != 0) {
    result.problem = is_immutable(situation.status) ? Problem{"audit_immutable", ""} : problem_of(error);
    return result;
  }
  remove_state_file(state_file);
  return result;
}

}  // namespace process_ancestry::audit
