#include "cgroup.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace process_ancestry::procfs {

std::string_view cgroup_of(const ProcDir& proc, int32_t pid, CgroupBuffer& buffer) {
  constexpr std::string_view kRest = "/cgroup";
  char name[32];
  char* end = std::to_chars(name, name + sizeof name - kRest.size() - 1, pid).ptr;
  std::memcpy(end, kRest.data(), kRest.size());
  end[kRest.size()] = '\0';
  return cgroup_path(read_at(proc.fd(), name, buffer.data(), buffer.size()));
}

// cgroup v2 has one line, 0::PATH. On v1 and hybrid hosts the longest path is the one with the service or the
// container: in unused controllers, and in hierarchies that the runtime ignores, the process is closer to the
// root.
std::string_view cgroup_path(std::string_view text) {
  constexpr std::string_view kDeleted = " (deleted)";  // kernel/cgroup/cgroup.c, proc_cgroup_show
  std::string_view longest;
  size_t lines = 0;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    ++lines;
    // A controller name may contain a colon (name=a:b). The path starts with the slash after a colon.
    const size_t path_at = line.find(":/");
    if (path_at == std::string_view::npos) continue;
    std::string_view path = line.substr(path_at + 1);
    if (path.size() > kDeleted.size() && path.substr(path.size() - kDeleted.size()) == kDeleted) {
      path.remove_suffix(kDeleted.size());
    }
    if (path.size() > longest.size()) longest = path;
  }
  // In v1 an exiting process is in the root group of each hierarchy, not in its former group.
  return lines > 1 && longest == "/" ? std::string_view() : longest;
}

}  // namespace process_ancestry::procfs
