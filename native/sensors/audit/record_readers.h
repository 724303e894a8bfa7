#pragma once

#include <cstddef>
#include <string_view>

#include "audit_event.h"

namespace process_ancestry::audit {

// An id, kUnknown for what is none: auid and ses are 4294967295 where unset, which is kUnknown; a log may
// spell it.
uint32_t id_of(std::string_view value);
// 0 for what is no pid: no process that execs has it.
int32_t pid_of(std::string_view value);

// Each adds to an event what the body of one of its records says.

// Decides what the event is, and whether it is wanted. False if it is no SYSCALL record.
bool read_syscall(AuditEvent& event, std::string_view body);
// Arguments beyond `args_max_bytes` are counted, not kept. `may_be_cut` is whether a syslog daemon may have
// cut the line.
void read_execve(AuditEvent& event, std::string_view body, size_t args_max_bytes, bool may_be_cut);
void read_cwd(AuditEvent& event, std::string_view body);
void read_path(AuditEvent& event, std::string_view body);

}  // namespace process_ancestry::audit
