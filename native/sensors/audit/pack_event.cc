#include "pack_event.h"

namespace process_ancestry::audit {

namespace {

void pack_fork(const AuditEvent& event, Batch& batch) {
  const ForkDetails& fork = event.fork;
  const double time = event.id.time_ms;
  ForkEvent created;
  created.parent = fork.parent;
  created.image_from = fork.image_from;
  switch (fork.in) {
    case CallerNamespace::kInitial:
      batch.add(Source::kAudit, event.pid, time, created);
      break;
    case CallerNamespace::kOther:
      // The child's number is not a pid of the initial namespace (R9).
      break;
    case CallerNamespace::kUnknown:
      created.is_claimed = true;
      created.caller_parent = fork.caller_parent;
      batch.add(Source::kAudit, event.pid, time, created);
      break;
  }
}

void pack_exit(const AuditEvent& event, Batch& batch) {
  ExitEvent ended;
  ended.status = event.exit_status;
  batch.add(Source::kAudit, event.pid, event.id.time_ms, ended);
}

void pack_exec(const AuditEvent& event, Batch& batch) {
  ExecEvent executed;
  executed.details = &event.exec;
  executed.groups_untold = event.groups_untold;
  executed.cgroup_untold = event.cgroup_untold;
  batch.add(Source::kAudit, event.pid, event.id.time_ms, executed);
}

void pack_setpgid(const AuditEvent& event, Batch& batch) {
  const GroupChange change = group_change(event.pid, event.setpgid);
  SetpgidEvent set;
  set.pgid = change.pgid;
  set.gone_caller = change.gone_caller;
  set.serial = event.id.serial;
  batch.add(Source::kAudit, change.pid, event.id.time_ms, set);
}

}  // namespace

void pack_event(const AuditEvent& event, Batch& batch) {
  const double time = event.id.time_ms;
  switch (event.kind) {
    case Kind::kFork:
      pack_fork(event, batch);
      break;
    case Kind::kExit:
      pack_exit(event, batch);
      break;
    case Kind::kSetsid:
      batch.add(Source::kAudit, event.pid, time, SetsidEvent());
      break;
    case Kind::kSetpgid:
      pack_setpgid(event, batch);
      break;
    case Kind::kLogin:
      batch.add(Source::kAudit, event.pid, time, event.login);
      break;
    default:
      pack_exec(event, batch);
      break;
  }
}

}  // namespace process_ancestry::audit
