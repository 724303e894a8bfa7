#include "inspection.h"

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

}  // namespace process_ancestry::audit
