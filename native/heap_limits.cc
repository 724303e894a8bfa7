#include "heap_limits.h"

#include <malloc.h>

namespace process_ancestry {

void limit_heap() {
  ::mallopt(M_MMAP_THRESHOLD, 256 << 10);
  ::mallopt(M_TRIM_THRESHOLD, 512 << 10);
  ::mallopt(M_ARENA_MAX, 2);
}

}  // namespace process_ancestry
