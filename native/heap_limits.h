#pragma once

namespace process_ancestry {

// Makes glibc return freed memory to the system (man 3 mallopt). By default, after one large block is freed,
// later blocks of that size stay in the heap, and each thread gets its own arena.
void limit_heap();

}  // namespace process_ancestry
