#pragma once

#include <string>
#include <string_view>

namespace process_ancestry::ebpf {

// Appends the path of which `components` are the names, the last one first, with a NUL after each; "/" for
// none.
void append_path(std::string_view components, std::string& path);

}  // namespace process_ancestry::ebpf
