#pragma once

#include <string>
#include <string_view>

// Records as the kernel writes them (from 6.18, x86_64).
namespace process_ancestry::test {

// "audit(1700000000.123:7): " and the body.
inline std::string record(unsigned serial, std::string_view body, unsigned long long seconds = 1700000000,
                          const char* milliseconds = "123") {
  return "audit(" + std::to_string(seconds) + "." + milliseconds + ":" + std::to_string(serial) +
         "): " + std::string(body);
}

constexpr std::string_view kExecSyscall =
    "arch=c000003e syscall=59 success=yes exit=0 a0=4bf780 a1=4bf320 a2=7ffeb3daa770 a3=0 items=2 ppid=1007 "
    "pid=1008 auid=1000 uid=1 gid=2 euid=3 suid=4 fsuid=5 egid=6 sgid=7 fsgid=8 tty=pts1 ses=4294967295 "
    "comm=\"ls\" exe=\"/usr/bin/ls\" subj=unconfined key=\"process_ancestry\"";
constexpr std::string_view kExecve = "argc=3 a0=\"ls\" a1=2D6C20C3BC a2=\"\"";
constexpr std::string_view kCwd = "cwd=\"/srv/work\"";
constexpr std::string_view kPath =
    "item=0 name=\"/bin/ls\" inode=338944 dev=fe:01 mode=0100755 ouid=9 ogid=10 rdev=00:00 nametype=NORMAL "
    "cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0";
constexpr std::string_view kLoaderPath =
    "item=1 name=\"/lib64/ld-linux-x86-64.so.2\" inode=338945 dev=fe:01 mode=0100700 ouid=11 ogid=12 "
    "rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0";

}  // namespace process_ancestry::test
