#include "components.h"

namespace process_ancestry::ebpf {

void append_path(std::string_view components, std::string& path) {
  if (components.empty()) {
    path += '/';
    return;
  }
  if (components.back() == '\0') components.remove_suffix(1);
  for (;;) {
    const size_t before = components.rfind('\0');
    path += '/';
    if (before == std::string_view::npos) {
      path += components;
      return;
    }
    path += components.substr(before + 1);
    components = components.substr(0, before);
  }
}

}  // namespace process_ancestry::ebpf
