#pragma once

namespace process_ancestry {

// Has glibc give freed memory back (man 3 mallopt). By default a large block that was freed once makes all
// later ones of its size stay in the heap, and each thread gets an arena of its own.
void limit_heap();

}  // namespace process_ancestry
