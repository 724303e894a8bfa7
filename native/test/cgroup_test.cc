#include "../procfs/cgroup.h"

#include <unistd.h>

#include <string>

#include "harness.h"

namespace process_ancestry::procfs {
namespace {

TEST("the single line of cgroup v2 has the path") {
  CHECK_EQUAL(cgroup_path("0::/user.slice/user-1000.slice/session-3.scope\n"),
              "/user.slice/user-1000.slice/session-3.scope");
  CHECK_EQUAL(cgroup_path("0::/\n"), "/");
  CHECK_EQUAL(cgroup_path("0::/../../init.scope\n"), "/../../init.scope");
}

TEST("for v1 the longest path counts: the container's or systemd's") {
  CHECK_EQUAL(cgroup_path("12:cpuset:/\n"
                          "11:cpu,cpuacct:/system.slice\n"
                          "1:name=systemd:/system.slice/sshd.service\n"
                          "0::/\n"),
              "/system.slice/sshd.service");
  CHECK_EQUAL(cgroup_path("4:memory:/docker/3f4ed6\n"
                          "1:name=systemd:/docker/3f4ed6\n"
                          "0::/system.slice\n"),
              "/docker/3f4ed6");
}

TEST("a path and a hierarchy name may contain colons and spaces") {
  CHECK_EQUAL(cgroup_path("0::/system.slice/a:b c:/d\n"), "/system.slice/a:b c:/d");
  CHECK_EQUAL(cgroup_path("1:name=a:b:/c\n"), "/c");
}

TEST("a removed group keeps its name, and an exiting process at the root of v1 has no group") {
  CHECK_EQUAL(cgroup_path("0::/system.slice/run-5.scope (deleted)\n"), "/system.slice/run-5.scope");
  CHECK_EQUAL(cgroup_path("4:memory:/\n1:name=systemd:/\n"), "");
}

TEST("other text has no path, and a cut line is read up to its end") {
  for (const char* text : {"", "\n", "0::", "0::\n", "rubbish", "::::"}) CHECK_EQUAL(cgroup_path(text), "");
  CHECK_EQUAL(cgroup_path("0::/user.sl"), "/user.sl");
}

TEST("this process is in the group of its own file, and a process that is gone has none") {
  const ProcDir proc;
  CgroupBuffer buffer, own;
  const std::string_view text = read_at(proc.fd(), "self/cgroup", own.data(), own.size());
  CHECK(!text.empty());
  CHECK_EQUAL(cgroup_of(proc, ::getpid(), buffer), cgroup_path(text));
  CHECK_EQUAL(cgroup_of(proc, 0x3ffffff, buffer), "");
}

}  // namespace
}  // namespace process_ancestry::procfs
