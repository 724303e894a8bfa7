#include "pack_event.h"

namespace process_ancestry::audit {

namespace {

void pack_fork(const AuditEvent& event, Batch& batch) {
  const ForkDetails& fork = event.fork;
  const double time = event.id.time_ms;
  switch (fork.in) {
    case CallerNamespace::kInitial:
      batch.fork(Source::kAudit, event.pid, time, fork.parent, fork.image_from);
      break;
    case CallerNamespace::kOther:
      // The child's number is no pid of ours (R9).
      break;
    case CallerNamespace::kUnknown:
      batch.claimed_fork(Source::kAudit, event.pid, time, fork.parent, fork.image_from, fork.caller_parent);
      break;
  }
}

}  // namespace

void pack_event(const AuditEvent& event, Batch& batch) {
  const double time = event.id.time_ms;
  switch (event.kind) {
    case Kind::kFork:
      pack_fork(event, batch);
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
