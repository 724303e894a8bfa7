#include "file_pages.h"

#include <sys/mman.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <memory>

namespace process_ancestry {
namespace {

// A mapping of /proc/self/smaps (man 5 proc).
struct Mapping {
  uintptr_t begin = 0, end = 0;
  // Read-only, private, and of a file with a path.
  bool is_of_file = false;
  size_t resident_kb = 0, dirty_kb = 0, anonymous_kb = 0;

  bool read_head(const char* line) {
    char permissions[5];
    int path_at = 0;
    if (::sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %*s %n", &begin, &end, permissions, &path_at) <
        3)
      return false;
    is_of_file = permissions[1] == '-' && permissions[3] == 'p' && path_at > 0 && line[path_at] == '/';
    resident_kb = dirty_kb = anonymous_kb = 0;
    return true;
  }

  // Returns the bytes that were unmapped. A mapping with written pages is kept whole: their content would be
  // lost.
  size_t release() const {
    if (!is_of_file || resident_kb == 0 || dirty_kb > 0 || anonymous_kb > 0) return 0;
    return ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED) == 0 ? resident_kb << 10 : 0;
  }
};

bool read_size(const char* line, const char* name, size_t& kb) {
  const size_t length = std::strlen(name);
  return std::strncmp(line, name, length) == 0 && ::sscanf(line + length, "%zu", &kb) == 1;
}

}  // namespace

size_t release_file_pages() {
  struct Close {
    void operator()(FILE* file) const { ::fclose(file); }
  };
  const std::unique_ptr<FILE, Close> smaps(::fopen("/proc/self/smaps", "re"));
  if (!smaps) return 0;
  size_t released = 0;
  Mapping mapping;
  // A path may contain anything but a newline, and may be longer than the line: its rest matches no name.
  char line[512];
  while (::fgets(line, sizeof line, smaps.get()) != nullptr) {
    if (read_size(line, "Rss:", mapping.resident_kb) || read_size(line, "Private_Dirty:", mapping.dirty_kb))
      continue;
    // The last of the sizes that are needed.
    if (read_size(line, "Anonymous:", mapping.anonymous_kb)) {
      released += mapping.release();
      mapping = Mapping();
    } else {
      mapping.read_head(line);
    }
  }
  return released;
}

}  // namespace process_ancestry
