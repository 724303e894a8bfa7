#pragma once

#include <sys/stat.h>

#include <cmath>

#include "../events/events.h"

namespace process_ancestry::procfs {

// Times of an executed file in whole Unix seconds (NaN if unknown), and its inode number (0 if unknown).
struct FileTimes {
  double atime = NAN, mtime = NAN, ctime = NAN, btime = NAN;
  double inode = 0;

  void copy_to(ExecDetails& details) const;
};

// Calls statx for times, owner and mode; with an empty path, of `directory` itself. Does not make a file
// server refresh them.
bool stat_times(int directory, const char* path, struct statx& about);
FileTimes times_of(const struct statx& about);

}  // namespace process_ancestry::procfs
