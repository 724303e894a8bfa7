#include "../procfs/exec_file.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <string>

#include "../procfs/file_times.h"
#include "../procfs/process_reader.h"
#include "harness.h"

namespace process_ancestry::procfs {
namespace {

// The file of this program, as in a PATH record.
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
  RootBuffer root;
  return exec_file(proc, ::getpid(), exe, &file, 1, root).times;
}

TEST("the times are of the file at the path if it is the executed file") {
  const OwnFile own;
  const FileTimes found = times(own.path, own.id);
  CHECK_EQUAL(found.mtime, static_cast<double>(own.about.stx_mtime.tv_sec));
  CHECK_EQUAL(found.ctime, static_cast<double>(own.about.stx_ctime.tv_sec));
}

TEST("if the path leads to another file, the file is found by its process") {
  const OwnFile own;
  for (const char* path : {"/bin/sh", "/no/such/file", "relative", ""}) {
    CHECK_EQUAL(times(path, own.id).mtime, static_cast<double>(own.about.stx_mtime.tv_sec));
  }
}

// Copies a program that waits, and sets the copy's mtime.
void copy_program(const std::string& to, time_t mtime) {
  std::ifstream in("/bin/sleep", std::ios::binary);
  std::ofstream out(to, std::ios::binary);
  out << in.rdbuf();
  out.close();
  CHECK_EQUAL(::chmod(to.c_str(), 0700), 0);
  const timespec times[] = {{mtime, 0}, {mtime, 0}};
  CHECK_EQUAL(::utimensat(AT_FDCWD, to.c_str(), times, 0), 0);
}

TEST("a running file that was replaced or removed keeps its own times") {
  char directory[] = "/tmp/exec-file-XXXXXX";
  CHECK(::mkdtemp(directory) != nullptr);
  const std::string path = std::string(directory) + "/program", other = path + ".new";
  copy_program(path, 1000000000);
  copy_program(other, 1500000000);
  struct statx about;
  CHECK(stat_times(AT_FDCWD, path.c_str(), about));
  const audit::FileId id = {about.stx_ino, about.stx_dev_major, about.stx_dev_minor};
  const char* const argv[] = {path.c_str(), "60", nullptr};
  pid_t pid = 0;
  CHECK_EQUAL(::posix_spawn(&pid, path.c_str(), nullptr, nullptr, const_cast<char**>(argv), nullptr), 0);
  CHECK_EQUAL(::rename(other.c_str(), path.c_str()), 0);
  const ProcDir proc;
  RootBuffer root;
  CHECK_EQUAL(exec_file(proc, pid, path, &id, 1, root).times.mtime, 1000000000.0);
  ::unlink(path.c_str());
  const ExecFile removed = exec_file(proc, pid, path, &id, 1, root);
  CHECK_EQUAL(removed.times.mtime, 1000000000.0);
  // A removed file had its path on the host.
  CHECK_EQUAL(removed.root, "/");
  ProcessReader reader(proc, 1000, true);
  ExecDetails details;
  CHECK(reader.read(pid, details));
  CHECK_EQUAL(details.mtime, 1000000000.0);
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  ::rmdir(directory);
}

TEST("another inode or another device is another file") {
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
  RootBuffer root;
  CHECK(std::isnan(exec_file(proc, ::getpid(), own.path, &own.id, 0, root).times.mtime));
}

TEST("a path has root / if it leads to the executed file on the host, else its own root") {
  const OwnFile own;
  const ProcDir proc;
  RootBuffer root;
  CHECK_EQUAL(exec_file(proc, ::getpid(), own.path, &own.id, 1, root).root, "/");
  // If the process is gone, only the file at the path is known.
  constexpr int32_t kNone = 0x7fffffff;
  CHECK_EQUAL(exec_file(proc, kNone, own.path, &own.id, 1, root).root, own.id.dev_major == 0 ? "" : "/");
  CHECK_EQUAL(exec_file(proc, kNone, "/bin/sh", &own.id, 1, root).root, "");
  audit::FileId other = own.id;
  ++other.inode;
  CHECK_EQUAL(exec_file(proc, ::getpid(), own.path, &other, 1, root).root, "");
}

// Runs a child in another root. An ordinary user needs a user namespace for that.
template <typename Check>
void in_other_root(int namespaces, Check check) {
  char jail[] = "/tmp/exec-root-XXXXXX";
  CHECK(::mkdtemp(jail) != nullptr);
  int ready[2];
  CHECK_EQUAL(::pipe(ready), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const bool ok =
        ::unshare(::geteuid() == 0 ? namespaces : namespaces | CLONE_NEWUSER) == 0 && ::chroot(jail) == 0;
    const char said = ok ? 'y' : 'n';
    if (::write(ready[1], &said, 1) == 1) ::pause();
    ::_exit(0);
  }
  char said = 'n';
  CHECK_EQUAL(::read(ready[0], &said, 1), 1);
  CHECK_EQUAL(said, 'y');
  check(pid, std::string_view(jail));
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  ::rmdir(jail);
}

TEST("a path in a chroot or in another mount namespace does not have root /") {
  const OwnFile own;
  const ProcDir proc;
  in_other_root(0, [&](pid_t pid, std::string_view jail) {
    RootBuffer root;
    CHECK_EQUAL(exec_file(proc, pid, "/usr/sbin/sshd", &own.id, 1, root).root, jail);
    // The exec was before the chroot.
    CHECK_EQUAL(exec_file(proc, pid, own.path, &own.id, 1, root).root, "/");
  });
  in_other_root(CLONE_NEWNS, [&](pid_t pid, std::string_view) {
    RootBuffer root;
    const std::string_view told = exec_file(proc, pid, "/usr/sbin/sshd", &own.id, 1, root).root;
    CHECK_EQUAL(told.substr(0, 5), "mnt:[");
  });
}

}  // namespace
}  // namespace process_ancestry::procfs
