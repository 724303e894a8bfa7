#pragma once

#include <string_view>

#include "audit_event.h"

namespace process_ancestry::audit {

// Reads the body of a USER_START or USER_LOGIN record into an event. Only a success is wanted. False if it is
// no such record.
bool read_login(AuditEvent& event, std::string_view body);

}  // namespace process_ancestry::audit
