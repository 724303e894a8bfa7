#include "../procfs/exec_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>

#include "../procfs/file_times.h"
#include "harness.h"

namespace process_ancestry::procfs {
namespace {

// This program's own file, as a PATH record would name it.
struct OwnFile {
  OwnFile() {
    char self[4096];
    const ssize_t size = ::readlink("/proc/self/exe", self, sizeof self);
    path.assign(self, size > 0 ? static_cast<size_t>(size) : 0);
    CHECK(stat_times(AT_FDCWD, path.c_str(), about));
    id = {about.stx_ino, about.stx_dev_major, about.stx_dev_minor};
  }
  std::string path;
  struct statx about {};
  audit::FileId id;
};

FileTimes times(std::string_view exe, const audit::FileId& file) {
  const ProcDir proc;
  return exec_file_times(proc, ::getpid(), exe, &file, 1);
}

TEST("the times are those of the file at the path, if it is the one that was executed") {
  const OwnFile own;
  const FileTimes found = times(own.path, own.id);
  CHECK_EQUAL(found.mtime, static_cast<double>(own.about.stx_mtime.tv_sec));
  CHECK_EQUAL(found.ctime, static_cast<double>(own.about.stx_ctime.tv_sec));
}

TEST("where the path leads elsewhere, the process still knows its file") {
  const OwnFile own;
  for (const char* path : {"/bin/sh", "/no/such/file", "relative", ""}) {
    CHECK_EQUAL(times(path, own.id).mtime, static_cast<double>(own.about.stx_mtime.tv_sec));
  }
}

TEST("another inode, or another device, is another file") {
  const OwnFile own;
  audit::FileId other = own.id;
  ++other.inode;
  CHECK(std::isnan(times(own.path, other).mtime));
  if (own.id.dev_major != 0) {
    other = own.id;
    ++other.dev_minor;
    CHECK(std::isnan(times(own.path, other).mtime));
  }
  const ProcDir proc;
  CHECK(std::isnan(exec_file_times(proc, ::getpid(), own.path, &own.id, 0).mtime));
}

}  // namespace
}  // namespace process_ancestry::procfs
