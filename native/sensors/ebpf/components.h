#pragma once

#include <string>
#include <string_view>

namespace process_ancestry::ebpf {

// Appends the path whose names are in `components`: the last name first, a NUL after each. "/" if there are
// none.
void append_path(std::string_view components, std::string& path);

}  // namespace process_ancestry::ebpf
