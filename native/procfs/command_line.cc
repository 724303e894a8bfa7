#include "command_line.h"

#include <fcntl.h>
#include <unistd.h>

#include <string_view>

#include "../unique_fd.h"

namespace process_ancestry::procfs {

bool read_command_line(int process, size_t max_bytes, std::string& args, ExecDetails& details) {
  constexpr size_t kBufferBytes = 16 << 10;
  char buffer[kBufferBytes];
  const UniqueFd file(::openat(process, "cmdline", O_RDONLY | O_CLOEXEC));
  if (!file) return false;
  args.clear();
  size_t total = 0;
  uint32_t ends = 0;
  char last = '\0';
  for (;;) {
    const ssize_t n = ::read(file.get(), buffer, kBufferBytes);
    if (n < 0) return false;
    if (n == 0) break;
    const std::string_view piece(buffer, static_cast<size_t>(n));
    for (const char c : piece) ends += c == '\0';
    last = piece.back();
    total += piece.size();
    if (args.size() < max_bytes) args.append(piece.substr(0, max_bytes - args.size()));
  }
  const bool closed = total > 0 && last == '\0';
  details.args_count = total == 0 ? 0 : ends + (closed ? 0 : 1);
  details.args_bytes = static_cast<uint32_t>(total - (closed ? 1 : 0));
  if (args.size() > details.args_bytes) args.resize(details.args_bytes);
  details.args_cut = args.size() < details.args_bytes;
  return true;
}

}  // namespace process_ancestry::procfs
