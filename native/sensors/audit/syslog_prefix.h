#pragma once

#include <string>
#include <string_view>

namespace process_ancestry::audit {

// The host in the prefix that syslog daemons (RFC 3164, RFC 5424), journalctl, grep and collectors write
// before a record. For an unknown form: all words that are not times, numbers or programs, so that two hosts
// are never taken for one. Empty if there is none.
std::string host_of_prefix(std::string_view prefix);

}  // namespace process_ancestry::audit
