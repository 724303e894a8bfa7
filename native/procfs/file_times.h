#pragma once

#include <sys/stat.h>

#include "../event.h"

namespace process_ancestry::procfs {

// statx for times, owner and mode, without asking a file server for fresh ones.
bool stat_times(int directory, const char* path, struct statx& about);
FileTimes times_of(const struct statx& about);

}  // namespace process_ancestry::procfs
