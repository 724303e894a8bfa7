#pragma once

#include <string_view>

namespace process_ancestry::audit {

// Whether a text is an IPv4 or IPv6 address, with or without a zone.
bool is_address(std::string_view text);

}  // namespace process_ancestry::audit
