#include "file_times.h"

#include <fcntl.h>

namespace process_ancestry::procfs {

bool stat_times(int directory, const char* path, struct statx& about) {
  constexpr unsigned kWanted = STATX_BASIC_STATS | STATX_BTIME;
  constexpr int kFlags = AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC | AT_EMPTY_PATH;
  return ::statx(directory, path, kFlags, kWanted, &about) == 0;
}

FileTimes times_of(const struct statx& about) {
  const auto seconds = [&about](unsigned bit, const statx_timestamp& time) {
    return (about.stx_mask & bit) != 0 ? static_cast<double>(time.tv_sec) : NAN;
  };
  return {seconds(STATX_ATIME, about.stx_atime), seconds(STATX_MTIME, about.stx_mtime),
          seconds(STATX_CTIME, about.stx_ctime), seconds(STATX_BTIME, about.stx_btime),
          static_cast<double>(about.stx_ino)};
}

void FileTimes::copy_to(ExecDetails& details) const {
  details.atime = atime;
  details.mtime = mtime;
  details.ctime = ctime;
  details.btime = btime;
  details.inode = inode;
}

}  // namespace process_ancestry::procfs
