#pragma once

#include <string_view>

namespace process_ancestry::audit {

// The host in a prefix as syslog daemons and journalctl write it before a message: RFC 3164, RFC 5424, or
// with a date as in RFC 3339. Empty where it names none.
std::string_view host_of_prefix(std::string_view prefix);

}  // namespace process_ancestry::audit
