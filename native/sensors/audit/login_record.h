#pragma once

#include <string_view>

#include "audit_event.h"

namespace process_ancestry::audit {

// Reads the body of a USER_START or USER_LOGIN record into an event. The event is wanted only for a success.
// False if the body is malformed.
bool read_login(AuditEvent& event, std::string_view body);

}  // namespace process_ancestry::audit
