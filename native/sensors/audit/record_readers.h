#pragma once

#include <cstddef>
#include <string_view>

#include "audit_event.h"

namespace process_ancestry::audit {

// Reads an id; kUnknown if invalid. Unset auid and ses are 4294967295, which is kUnknown, or a word in a log.
uint32_t id_of(std::string_view value);
// 0 if invalid: no process that executes has pid 0.
int32_t pid_of(std::string_view value);

// Each function reads the body of one record into an event.

// Decides what the event is and whether it is wanted. False if it is not a SYSCALL record.
bool read_syscall(AuditEvent& event, std::string_view body);
// Counts arguments beyond `args_max_bytes` without keeping them. `may_be_cut`: a syslog daemon may have cut
// the line.
void read_execve(AuditEvent& event, std::string_view body, size_t args_max_bytes, bool may_be_cut);
void read_cwd(AuditEvent& event, std::string_view body);
void read_path(AuditEvent& event, std::string_view body);

}  // namespace process_ancestry::audit
