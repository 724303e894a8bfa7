#pragma once

#include <cstddef>

namespace process_ancestry {

// Unmaps the resident pages of this process's program and libraries that were never written. They stay in the
// page cache, and the next access maps them again. Much of Node is used only at the start. Returns the bytes
// that were resident.
size_t release_file_pages();

}  // namespace process_ancestry
