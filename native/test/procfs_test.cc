#include <errno.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../procfs/proc_dir.h"
#include "../procfs/process_reader.h"
#include "harness.h"

namespace process_ancestry::procfs {
namespace {

TEST("a stat file is read with any characters in its name") {
  Stat stat;
  CHECK(parse_stat("12 (a) S (b)) Z 7 8 9 34817 11 4 13 14 15 16 17 18 19 20 21 22 3 23 24\n", stat));
  CHECK_EQUAL(stat.comm, "a) S (b)");
  CHECK_EQUAL(stat.state, 'Z');
  CHECK_EQUAL(stat.ppid, 7);
  CHECK_EQUAL(stat.pgid, 8);
  CHECK_EQUAL(stat.sid, 9);
  CHECK_EQUAL(stat.tty, 34817);
  CHECK_EQUAL(stat.flags, 4U);
  CHECK_EQUAL(stat.threads, 3);
  CHECK_EQUAL(stat.start_ticks, 24U);
}

TEST("a cut stat file is refused") {
  const std::string whole = "12 (a) S 7 8 9 0 11 4 13 14 15 16 17 18 19 20 21 22 3 0 24";
  Stat stat;
  CHECK(parse_stat(whole, stat));
  CHECK(!parse_stat(whole.substr(0, whole.size() - 2), stat));
  CHECK(!parse_stat("", stat));
  CHECK(!parse_stat("12 (a)", stat));
  CHECK(!parse_stat(")(", stat));
}

TEST("terminals have audit's names") {
  CHECK_EQUAL(tty_name(0), "");
  CHECK_EQUAL(tty_name(136 << 8 | 1), "pts1");
  CHECK_EQUAL(tty_name(137 << 8 | 4), "pts260");
  CHECK_EQUAL(tty_name(136 << 8 | 0x100000 | 1), "pts257");
  CHECK_EQUAL(tty_name(4 << 8 | 1), "tty1");
  CHECK_EQUAL(tty_name(4 << 8 | 64), "ttyS0");
}

TEST("this process is read correctly") {
  const ProcDir proc;
  ProcessReader reader(proc, 1 << 20, true);
  ExecDetails details;
  CHECK(reader.read(::getpid(), details));
  CHECK_EQUAL(details.ppid, static_cast<uint32_t>(::getppid()));
  CHECK_EQUAL(details.uid, ::getuid());
  CHECK_EQUAL(details.egid, ::getegid());
  CHECK(details.pid_namespace > 0);
  CHECK_EQUAL(details.sid, static_cast<uint32_t>(::getsid(0)));
  CHECK_EQUAL(details.pgid, static_cast<uint32_t>(::getpgrp()));
  CHECK_EQUAL(tty_name(static_cast<int32_t>(details.tty_nr)), details.tty);
  CgroupBuffer cgroup;
  CHECK_EQUAL(details.cgroup, cgroup_of(proc, ::getpid(), cgroup));
  char self[4096];
  const ssize_t size = ::readlink("/proc/self/exe", self, sizeof self);
  CHECK_EQUAL(details.path, std::string_view(self, size > 0 ? static_cast<size_t>(size) : 0));
  CHECK(details.args_count >= 1);
  CHECK_EQUAL(details.args.size(), details.args_bytes);
  CHECK(details.mtime > 0);
  CHECK(details.from_procfs);
  CHECK((details.mode & 0111) != 0);
}

TEST("arguments from /proc are cut at the limit") {
  const ProcDir proc;
  ProcessReader reader(proc, 3, true);
  ExecDetails details;
  CHECK(reader.read(::getpid(), details));
  CHECK_EQUAL(details.args.size(), 3U);
  CHECK(details.args_bytes > 3);
  CHECK(details.args_cut);
}

TEST("a process that is gone cannot be read") {
  const ProcDir proc;
  ProcessReader reader(proc, 1 << 20, true);
  ExecDetails details;
  CHECK(!reader.read(0x3ffffff, details));
  errno = 0;
  CHECK_EQUAL(proc.pid_namespace(0x3ffffff), 0.0);
  CHECK_EQUAL(errno, ENOENT);
}

}  // namespace
}  // namespace process_ancestry::procfs
