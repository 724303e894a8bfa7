#include "pack_event.h"

namespace process_ancestry::audit {

void pack_event(const AuditEvent& event, Batch& batch) {
  const double time = event.id.time_ms;
  switch (event.kind) {
    case Kind::kFork:
      batch.fork(Source::kAudit, event.pid, time, event.fork.parent, event.fork.image_from);
      break;
    case Kind::kExit:
      batch.exit(Source::kAudit, event.pid, time, event.exit_status);
      break;
    case Kind::kSetsid:
      batch.setsid(Source::kAudit, event.pid, time);
      break;
    case Kind::kSetpgid:
      batch.setpgid(Source::kAudit, time, group_change(event.pid, event.setpgid), event.id.serial);
      break;
    case Kind::kLogin:
      batch.login(Source::kAudit, event.pid, time, event.login);
      break;
    default:
      batch.exec(Source::kAudit, event.pid, time, event.exec);
      break;
  }
}

}  // namespace process_ancestry::audit
