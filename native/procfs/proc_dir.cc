#include "proc_dir.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstring>

namespace process_ancestry::procfs {
namespace {

// The inode number in a link such as pid:[4026531836].
double namespace_inode(std::string_view link) {
  const size_t open = link.find('[');
  uint64_t inode = 0;
  if (open == std::string_view::npos) return 0;
  std::from_chars(link.data() + open + 1, link.data() + link.size(), inode);
  return static_cast<double>(inode);
}

}  // namespace

ProcDir::ProcDir() : fd_(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC)) {}

UniqueFd ProcDir::open_process(int32_t pid) const {
  char name[16];
  *std::to_chars(name, name + sizeof name - 1, pid).ptr = '\0';
  return UniqueFd(::openat(fd_.get(), name, O_PATH | O_DIRECTORY | O_CLOEXEC));
}

double ProcDir::pid_namespace(int32_t pid) const {
  constexpr std::string_view kRest = "/ns/pid";
  char name[32], link[64];
  char* end = std::to_chars(name, name + sizeof name - kRest.size() - 1, pid).ptr;
  std::memcpy(end, kRest.data(), kRest.size());
  end[kRest.size()] = '\0';
  return namespace_inode(read_link_at(fd_.get(), name, link, sizeof link));
}

std::string_view read_at(int directory, const char* name, char* buffer, size_t size) {
  const UniqueFd file(::openat(directory, name, O_RDONLY | O_CLOEXEC));
  if (!file) return {};
  const ssize_t n = ::read(file.get(), buffer, size);
  return n > 0 ? std::string_view(buffer, static_cast<size_t>(n)) : std::string_view();
}

std::string_view read_link_at(int directory, const char* name, char* buffer, size_t size) {
  const ssize_t n = ::readlinkat(directory, name, buffer, size);
  return n > 0 ? std::string_view(buffer, static_cast<size_t>(n)) : std::string_view();
}

bool parse_stat(std::string_view text, Stat& stat) {
  // The name may contain any character, also parentheses. It ends at the last one.
  const size_t open = text.find('('), close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return false;
  stat.comm = text.substr(open + 1, close - open - 1);
  const char* at = text.data() + close + 1;
  const char* const end = text.data() + text.size();
  for (int field = 3; field <= 22; ++field) {
    if (at == end || *at != ' ') return false;
    ++at;
    int64_t number = 0;
    if (field == 3) {
      if (at == end) return false;
      stat.state = *at++;
      continue;
    }
    const auto [after, error] = std::from_chars(at, end, number);
    if (error != std::errc()) return false;
    at = after;
    if (field == 4) stat.ppid = static_cast<int32_t>(number);
    if (field == 5) stat.pgid = static_cast<int32_t>(number);
    if (field == 6) stat.sid = static_cast<int32_t>(number);
    if (field == 7) stat.tty = static_cast<int32_t>(number);
    if (field == 9) stat.flags = static_cast<uint32_t>(number);
    if (field == 20) stat.threads = static_cast<int32_t>(number);
    if (field == 22) stat.start_ticks = static_cast<uint64_t>(number);
  }
  return true;
}

}  // namespace process_ancestry::procfs
