#include "inspection.h"

#include <unistd.h>

#include "kernel.h"

namespace process_ancestry::audit {

Inspection inspect(std::string_view our_key) {
  Inspection result;
  Kernel kernel;
  std::vector<Rule> rules;
  result.error = kernel.open();
  if (result.error == 0) result.error = kernel.status(result.status);
  if (result.error == 0) result.error = kernel.rules(rules);
  for (const Rule& rule : rules) {
    result.rules.push_back({rule.has_key(our_key), rule.silences_all_tasks(), rule.covers_exec(),
                            rule.hides_execs(), rule.excluded_type()});
  }
  return result;
}

Plan plan_now(std::string_view our_key) {
  const Inspection found = inspect(our_key);
  Situation situation;
  situation.error = found.error;
  situation.status = found.status;
  situation.own_pid = static_cast<uint32_t>(::getpid());
  for (const RuleView& rule : found.rules) {
    situation.rules.push_back({rule.ours, rule.silences_all_tasks, rule.covers_exec});
  }
  return decide(situation);
}

}  // namespace process_ancestry::audit
