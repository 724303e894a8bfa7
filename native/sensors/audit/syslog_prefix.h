#pragma once

#include <string>
#include <string_view>

namespace process_ancestry::audit {

// The host in a prefix as syslog daemons (RFC 3164, RFC 5424), journalctl, grep and collectors write it
// before a record. Of a form that is not known: all words that are no time, number or program, so that two
// hosts are never taken for one. Empty where there is none.
std::string host_of_prefix(std::string_view prefix);

}  // namespace process_ancestry::audit
