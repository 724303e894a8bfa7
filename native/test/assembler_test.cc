#include "../sensors/audit/assembler.h"

#include <linux/sched.h>

#include "audit_text.h"
#include "harness.h"

namespace process_ancestry::audit {
namespace {

using test::kExecSyscall;
using test::kLoaderPath;
using test::record;
constexpr std::string_view kExecveText = test::kExecve;

void add_exec(Assembler& assembler, unsigned serial, std::string_view execve = kExecveText, double now = 0) {
  assembler.add(kSyscall, record(serial, kExecSyscall), now);
  assembler.add(kExecve, record(serial, execve), now);
  assembler.add(kCwd, record(serial, test::kCwd), now);
  assembler.add(kPath, record(serial, test::kPath), now);
  assembler.add(kPath, record(serial, kLoaderPath), now);
}

void add_end(Assembler& assembler, unsigned serial, double now = 0) {
  assembler.add(kEndOfEvent, record(serial, ""), now);
}

std::string syscall_text(int number, const char* result, unsigned long a0 = 0, const char* success = "yes") {
  return "arch=c000003e syscall=" + std::to_string(number) + " success=" + success + " exit=" + result +
         " a0=" +
         [a0] {
           char text[20];
           snprintf(text, sizeof text, "%lx", a0);
           return std::string(text);
         }() +
         " a1=0 a2=0 a3=0 items=0 ppid=50 pid=60 auid=0 uid=0 comm=\"sh\" exe=\"/bin/sh\" key=(null)";
}

TEST("all records of a serial make one exec, complete at its end") {
  Assembler assembler({});
  add_exec(assembler, 7);
  CHECK_EQUAL(assembler.completed().size(), 0U);
  add_end(assembler, 7);
  CHECK_EQUAL(assembler.completed().size(), 1U);
  const AuditEvent& event = *assembler.completed()[0];
  CHECK(event.kind == Kind::kExec);
  CHECK_EQUAL(event.pid, 1008);
  CHECK_EQUAL(event.id.time_ms, 1700000000123.0);
  const ExecDetails& exec = event.exec;
  CHECK_EQUAL(exec.serial, 7U);
  CHECK_EQUAL(exec.ppid, 1007U);
  CHECK(exec.syscall == ExecCall::kExecve);
  const ExecDetails& ids = exec;
  CHECK_EQUAL(ids.auid, 1000U);
  CHECK_EQUAL(ids.uid, 1U);
  CHECK_EQUAL(ids.gid, 2U);
  CHECK_EQUAL(ids.euid, 3U);
  CHECK_EQUAL(ids.suid, 4U);
  CHECK_EQUAL(ids.fsuid, 5U);
  CHECK_EQUAL(ids.egid, 6U);
  CHECK_EQUAL(ids.sgid, 7U);
  CHECK_EQUAL(ids.fsgid, 8U);
  CHECK_EQUAL(ids.ses, kUnknown);
  CHECK_EQUAL(exec.mode, 0100755U);
  CHECK_EQUAL(exec.owner_uid, 9U);
  CHECK_EQUAL(exec.owner_gid, 10U);
  CHECK_EQUAL(exec.args_count, 3U);
  CHECK_EQUAL(exec.args, std::string_view("ls\0-l \xc3\xbc\0", 9));
  CHECK_EQUAL(exec.args_bytes, 9U);
  CHECK(!exec.args_cut);
  CHECK_EQUAL(exec.comm, "ls");
  CHECK_EQUAL(exec.path, "/usr/bin/ls");
  CHECK_EQUAL(exec.cwd, "/srv/work");
  CHECK_EQUAL(exec.tty, "pts1");
  CHECK_EQUAL(exec.name, "/bin/ls");
  CHECK_EQUAL(event.file_count, 2U);
  CHECK_EQUAL(event.files[0].inode, 338944U);
  CHECK_EQUAL(event.files[0].dev_major, 0xfeU);
  CHECK_EQUAL(event.files[0].dev_minor, 1U);
  CHECK_EQUAL(event.files[1].inode, 338945U);
}

TEST("reused event memory has nothing of the event before") {
  Assembler assembler({});
  add_exec(assembler, 7);
  add_end(assembler, 7);
  assembler.recycle_completed();
  CHECK_EQUAL(assembler.bytes_held(), 0U);
  assembler.add(kSyscall, record(8, "arch=c000003e syscall=322 success=yes ppid=1 pid=2 exe=\"/x\""), 0);
  add_end(assembler, 8);
  CHECK_EQUAL(assembler.completed().size(), 1U);
  const ExecDetails& exec = assembler.completed()[0]->exec;
  CHECK(exec.syscall == ExecCall::kExecveat);
  CHECK_EQUAL(exec.args_count, kUnknown);
  CHECK_EQUAL(exec.args, "");
  CHECK_EQUAL(exec.cwd, "");
  CHECK_EQUAL(exec.mode, kUnknown);
  CHECK_EQUAL(exec.uid, kUnknown);
  CHECK_EQUAL(assembler.completed()[0]->file_count, 0U);
}

TEST("a long argument comes in pieces, in several records, quoted or hex") {
  Assembler assembler({});
  assembler.add(kSyscall, record(7, kExecSyscall), 0);
  assembler.add(kExecve, record(7, "argc=3 a0=\"x\" a1_len=8 a1[0]=6162"), 0);
  assembler.add(kExecve, record(7, " a1[1]=6364"), 0);
  assembler.add(kExecve, record(7, " a2_len=4 a2[0]=\"ef\" a2[1]=\"gh\""), 0);
  add_end(assembler, 7);
  const ExecDetails& exec = assembler.completed()[0]->exec;
  CHECK_EQUAL(exec.args, std::string_view("x\0abcd\0efgh", 11));
  CHECK_EQUAL(exec.args_bytes, 11U);
  CHECK(!exec.args_cut);
}

TEST("empty arguments that a converter dropped are restored") {
  struct Dropped {
    const char* execve;
    std::string_view args;
  };
  for (const Dropped& one :
       {Dropped{"argc=4 a0=\"ls\" a2=\"/etc\"", {"ls\0\0/etc\0", 9}},
        Dropped{"argc=3 a0=\"x\" a2=\"z\"", {"x\0\0z", 4}},
        Dropped{"argc=3 a0=\"x\" a1=\"y\"", {"x\0y\0", 4}}, Dropped{"argc=4 a0=\"x\"", {"x\0\0\0", 4}},
        Dropped{"argc=3 a2=\"z\"", {"\0\0z", 3}}, Dropped{"argc=2", {"\0", 1}}, Dropped{"argc=1", ""},
        Dropped{"argc=0", ""}}) {
    Assembler assembler({});
    add_exec(assembler, 7, one.execve);
    add_end(assembler, 7);
    CHECK_EQUAL(assembler.completed()[0]->exec.args, one.args);
    CHECK_EQUAL(assembler.completed()[0]->exec.args_bytes, one.args.size());
    CHECK(!assembler.completed()[0]->exec.args_cut);
  }
}

TEST("an impossible number of arguments costs no memory and no time") {
  Assembler::Limits limits;
  limits.args_max_bytes = 1000;
  Assembler assembler(limits);
  add_exec(assembler, 7, "argc=2000000000 a0=\"x\" a1999999999=\"y\"");
  add_end(assembler, 7);
  CHECK_EQUAL(assembler.completed()[0]->exec.args.size(), 1000U);
  CHECK(assembler.completed()[0]->exec.args_cut);
}

TEST("arguments that a syslog daemon cut are marked as cut") {
  for (const char* execve : {"argc=2 a0=\"x\" a1=\"yyyy", "argc=2 a0=\"x\" a1=79797979790"}) {
    Assembler assembler({});
    assembler.add(kSyscall, record(7, kExecSyscall), 0);
    assembler.add(kExecve, record(7, execve), 0, true);
    add_end(assembler, 7);
    CHECK_EQUAL(assembler.completed()[0]->exec.args.substr(0, 6), std::string_view("x\0yyyy", 6));
    CHECK(assembler.completed()[0]->exec.args_cut);
  }
  Assembler assembler({});
  assembler.add(kSyscall, record(7, kExecSyscall), 0);
  assembler.add(kExecve, record(7, "argc=3 a0=\"" + std::string(900, 'x') + "\""), 0, true);
  add_end(assembler, 7);
  CHECK_EQUAL(assembler.completed()[0]->exec.args.size(), 900U);
  CHECK(assembler.completed()[0]->exec.args_cut);
}

TEST("a path without its end is unknown") {
  Assembler assembler({});
  assembler.add(kSyscall, record(7, "arch=c000003e syscall=59 success=yes ppid=1 pid=2 exe=\"/usr/bin/pyth"),
                0);
  add_end(assembler, 7);
  CHECK_EQUAL(assembler.completed()[0]->exec.path, "");
}

TEST("an event with all values quoted is the same event") {
  std::string all;
  for (FieldCursor fields(kExecSyscall);;) {
    Field field;
    if (!fields.next(field)) break;
    all += std::string(field.name) + "=\"" + std::string(unquoted(field.value)) + "\" ";
  }
  Assembler quoted({}), plain({});
  quoted.add(kSyscall, record(7, all), 0);
  quoted.add(kExecve, record(7, "argc=\"1\" a0=\"ls\""), 0);
  quoted.add(kPath,
             record(7, "item=\"0\" name=\"/bin/ls\" inode=\"5\" dev=\"fe:01\" mode=\"0100755\" ouid=\"9\""),
             0);
  add_end(quoted, 7);
  add_exec(plain, 7);
  add_end(plain, 7);
  CHECK_EQUAL(quoted.completed().size(), 1U);
  if (quoted.completed().empty()) return;
  const AuditEvent &a = *quoted.completed()[0], &b = *plain.completed()[0];
  CHECK_EQUAL(a.pid, b.pid);
  CHECK_EQUAL(a.exec.ppid, b.exec.ppid);
  CHECK(a.exec.syscall == b.exec.syscall);
  CHECK_EQUAL(a.exec.sgid, b.exec.sgid);
  CHECK_EQUAL(a.exec.path, b.exec.path);
  CHECK_EQUAL(a.exec.tty, b.exec.tty);
  CHECK_EQUAL(a.exec.args_count, 1U);
  CHECK_EQUAL(a.exec.mode, 0100755U);
  CHECK_EQUAL(a.exec.owner_uid, 9U);
  CHECK_EQUAL(a.files[0].dev_major, 0xfeU);
}

TEST("missing arguments are marked, and their neighbours are not joined") {
  for (const char* execve : {"argc=2 a0=\"x\" a1[0]=\"y\" a1[2]=\"z\"", "argc=2 a0=\"x\" a1[1]=\"y\""}) {
    Assembler assembler({});
    add_exec(assembler, 7, execve);
    add_end(assembler, 7);
    CHECK(assembler.completed()[0]->exec.args_cut);
    CHECK_EQUAL(assembler.counters().args_cut, 1U);
  }
}

TEST("arguments of a lost record are marked as missing") {
  Assembler assembler({});
  assembler.add(kSyscall, record(7, kExecSyscall), 0);
  assembler.add(kExecve, record(7, "argc=3 a0=\"" + std::string(7400, 'x') + "\""), 0);
  assembler.add(kExecve, record(7, " a2=\"z\""), 0);
  add_end(assembler, 7);
  CHECK(assembler.completed()[0]->exec.args_cut);
}

TEST("records that come twice change nothing") {
  Assembler assembler({});
  add_exec(assembler, 7, "argc=2 a0=\"x\" a1_len=8 a1[0]=6162 a1[1]=6364");
  add_exec(assembler, 7, "argc=2 a0=\"x\" a1_len=8 a1[0]=6162 a1[1]=6364");
  add_end(assembler, 7);
  add_end(assembler, 7);
  CHECK_EQUAL(assembler.completed().size(), 1U);
  CHECK_EQUAL(assembler.completed()[0]->exec.args, std::string_view("x\0abcd", 6));
  CHECK(!assembler.completed()[0]->exec.args_cut);
}

TEST("a completed event that comes again is not delivered again") {
  Assembler assembler({});
  for (int i = 0; i < 2; ++i) {
    add_exec(assembler, 7);
    add_end(assembler, 7);
  }
  CHECK_EQUAL(assembler.completed().size(), 1U);
  CHECK_EQUAL(assembler.pending(), 0U);
}

TEST("a serial that is reused after a reboot is another event") {
  Assembler assembler({});
  add_exec(assembler, 7);
  add_end(assembler, 7);
  assembler.add(kSyscall, record(7, kExecSyscall, 1800000000), 0);
  assembler.add(kEndOfEvent, record(7, "", 1800000000), 0);
  CHECK_EQUAL(assembler.completed().size(), 2U);
}

TEST("interleaved serials are kept apart and delivered in order of completion") {
  Assembler assembler({});
  assembler.add(kSyscall, record(7, kExecSyscall), 0);
  assembler.add(kSyscall, record(8, kExecSyscall), 0);
  assembler.add(kExecve, record(8, "argc=1 a0=\"eight\""), 0);
  assembler.add(kExecve, record(7, "argc=1 a0=\"seven\""), 0);
  add_end(assembler, 8);
  add_end(assembler, 7);
  CHECK_EQUAL(assembler.completed().size(), 2U);
  CHECK_EQUAL(assembler.completed()[0]->exec.args, "eight");
  CHECK_EQUAL(assembler.completed()[1]->exec.args, "seven");
}

TEST("records may come before their SYSCALL record") {
  Assembler assembler({});
  assembler.add(kPath, record(7, test::kPath), 0);
  assembler.add(kExecve, record(7, kExecveText), 0);
  assembler.add(kSyscall, record(7, kExecSyscall), 0);
  add_end(assembler, 7);
  CHECK_EQUAL(assembler.completed().size(), 1U);
  CHECK_EQUAL(assembler.completed()[0]->exec.name, "/bin/ls");
  CHECK_EQUAL(assembler.completed()[0]->exec.args_count, 3U);
}

TEST("a failed exec makes no event and is not counted as incomplete") {
  Assembler assembler({});
  assembler.add(kSyscall, record(7, syscall_text(59, "-2", 0, "no")), 0);
  assembler.add(kExecve, record(7, kExecveText), 0);
  add_end(assembler, 7);
  CHECK_EQUAL(assembler.completed().size(), 0U);
  CHECK_EQUAL(assembler.pending(), 0U);
  CHECK_EQUAL(assembler.counters().incomplete, 0U);
}

TEST("other calls make no event") {
  Assembler assembler({});
  assembler.add(kSyscall, record(7, syscall_text(2, "3")), 0);
  assembler.add(kPath, record(7, test::kPath), 0);
  add_end(assembler, 7);
  CHECK_EQUAL(assembler.completed().size(), 0U);
  CHECK_EQUAL(assembler.counters().incomplete, 0U);
}

TEST("a successful call of an unknown architecture is an exec if it has an EXECVE record") {
  Assembler assembler({});
  const std::string_view body = "arch=deadbeef syscall=1 success=yes exit=0 ppid=1 pid=2 exe=\"/x\"";
  assembler.add(kSyscall, record(7, body), 0);
  assembler.add(kExecve, record(7, kExecveText), 0);
  add_end(assembler, 7);
  assembler.add(kSyscall, record(8, body), 0);
  add_end(assembler, 8);
  CHECK_EQUAL(assembler.completed().size(), 1U);
  CHECK(assembler.completed()[0]->exec.syscall == ExecCall::kUnknown);
}

TEST("fork, vfork, clone and clone3 report the child and its parent") {
  for (const int number : {56, 57, 58, 435}) {
    Assembler assembler({});
    assembler.add(kSyscall, record(7, syscall_text(number, "70")), 0);
    add_end(assembler, 7);
    CHECK_EQUAL(assembler.completed().size(), 1U);
    const AuditEvent& event = *assembler.completed()[0];
    CHECK(event.kind == Kind::kFork);
    CHECK_EQUAL(event.pid, 70);
    CHECK_EQUAL(event.fork.parent, 60);
    CHECK_EQUAL(event.fork.image_from, 0);
    CHECK_EQUAL(event.fork.caller_parent, 50);
  }
}

TEST("clone with CLONE_PARENT gives the child its caller's parent and its caller's image") {
  Assembler assembler({});
  assembler.add(kSyscall, record(7, syscall_text(56, "70", CLONE_PARENT | 17)), 0);
  add_end(assembler, 7);
  CHECK_EQUAL(assembler.completed()[0]->fork.parent, 50);
  CHECK_EQUAL(assembler.completed()[0]->fork.image_from, 60);
}

TEST("clone with CLONE_THREAD and a failed fork make no event") {
  Assembler assembler({});
  assembler.add(kSyscall, record(7, syscall_text(56, "70", CLONE_THREAD)), 0);
  add_end(assembler, 7);
  assembler.add(kSyscall, record(8, syscall_text(57, "-11", 0, "no")), 0);
  add_end(assembler, 8);
  CHECK_EQUAL(assembler.completed().size(), 0U);
}

TEST("setpgid reports the process and its new group, setsid the session leader; failures report nothing") {
  Assembler assembler({});
  assembler.add(kSyscall,
                record(7,
                       "arch=c000003e syscall=109 success=yes exit=0 a0=46 a1=4b a2=0 a3=0 items=0 ppid=50 "
                       "pid=60 comm=\"bash\" exe=\"/usr/bin/bash\""),
                0);
  add_end(assembler, 7);
  assembler.add(kSyscall, record(8, syscall_text(112, "60")), 0);
  add_end(assembler, 8);
  assembler.add(kSyscall, record(9, syscall_text(109, "-1", 70, "no")), 0);
  add_end(assembler, 9);
  assembler.add(kSyscall, record(10, syscall_text(112, "-1", 0, "no")), 0);
  add_end(assembler, 10);
  CHECK_EQUAL(assembler.completed().size(), 2U);
  CHECK(assembler.completed()[0]->kind == Kind::kSetpgid);
  CHECK_EQUAL(assembler.completed()[0]->pid, 60);
  CHECK_EQUAL(assembler.completed()[0]->setpgid.target, 70);
  CHECK_EQUAL(assembler.completed()[0]->setpgid.group, 75);
  CHECK(assembler.completed()[1]->kind == Kind::kSetsid);
  CHECK_EQUAL(assembler.completed()[1]->pid, 60);
}

TEST("exit_group reports the exit status, although its record has no success field") {
  Assembler assembler({});
  assembler.add(
      kSyscall,
      record(7, "arch=c000003e syscall=231 a0=103 a1=3c a2=e7 a3=0 items=0 ppid=50 pid=60 exe=\"/x\""), 0);
  add_end(assembler, 7);
  CHECK_EQUAL(assembler.completed().size(), 1U);
  CHECK(assembler.completed()[0]->kind == Kind::kExit);
  CHECK_EQUAL(assembler.completed()[0]->exit_status, 3 << 8);
}

TEST("arguments beyond the limit are cut, and their full size is reported") {
  Assembler::Limits limits;
  limits.args_max_bytes = 5;
  Assembler assembler(limits);
  add_exec(assembler, 7, "argc=3 a0=\"abc\" a1=\"defg\" a2=\"h\"");
  add_end(assembler, 7);
  const ExecDetails& exec = assembler.completed()[0]->exec;
  CHECK_EQUAL(exec.args, std::string_view("abc\0d", 5));
  CHECK_EQUAL(exec.args_bytes, 10U);
  CHECK(exec.args_cut);
}

TEST("arguments of exactly the limit are not cut") {
  Assembler::Limits limits;
  limits.args_max_bytes = 5;
  Assembler assembler(limits);
  add_exec(assembler, 7, "argc=2 a0=\"abc\" a1=\"d\"");
  add_end(assembler, 7);
  CHECK_EQUAL(assembler.completed()[0]->exec.args, std::string_view("abc\0d", 5));
  CHECK(!assembler.completed()[0]->exec.args_cut);
}

TEST("an event without its end is delivered after the expiry time, and counted") {
  Assembler assembler({});
  add_exec(assembler, 7, kExecveText, 1000);
  assembler.expire(3000);
  CHECK_EQUAL(assembler.completed().size(), 0U);
  assembler.expire(3001);
  CHECK_EQUAL(assembler.completed().size(), 1U);
  CHECK_EQUAL(assembler.counters().incomplete, 1U);
  CHECK_EQUAL(assembler.pending(), 0U);
}

TEST("records without their SYSCALL record are dropped and counted") {
  Assembler assembler({});
  assembler.add(kExecve, record(7, kExecveText), 0);
  assembler.expire(3000);
  CHECK_EQUAL(assembler.completed().size(), 0U);
  CHECK_EQUAL(assembler.counters().incomplete, 1U);
  CHECK_EQUAL(assembler.bytes_held(), 0U);
}

TEST("the number of events that wait for their end is limited") {
  Assembler assembler({});
  for (unsigned serial = 1; serial <= 5000; ++serial) assembler.add(kExecve, record(serial, kExecveText), 0);
  CHECK_EQUAL(assembler.pending(), 1024U);
  CHECK_EQUAL(assembler.counters().incomplete, 5000U - 1024);
}

TEST("the bytes of events that wait for their end are limited") {
  Assembler::Limits limits;
  limits.bytes_max = 100000;
  Assembler assembler(limits);
  const std::string long_argument(8000, 'x');
  for (unsigned serial = 1; serial <= 500; ++serial) {
    assembler.add(kSyscall, record(serial, kExecSyscall), 0);
    assembler.add(kExecve, record(serial, "argc=1 a0=\"" + long_argument + "\""), 0);
    CHECK(assembler.bytes_held() <= limits.bytes_max);
  }
  CHECK(assembler.pending() < 13);
  CHECK(assembler.counters().incomplete > 480);
}

TEST("an event with an endlessly repeated record does not grow without limit") {
  Assembler::Limits limits;
  limits.bytes_max = 100000;
  Assembler assembler(limits);
  for (int i = 0; i < 20000; ++i) assembler.add(kCwd, record(7, "cwd=\"/a/long/path/again/and/again\""), 0);
  CHECK(assembler.bytes_held() <= limits.bytes_max);
}

TEST("in a log an event ends with its PROCTITLE, live it does not") {
  Assembler::Limits limits;
  limits.from_log = true;
  Assembler log(limits);
  Assembler live({});
  for (Assembler* assembler : {&log, &live}) {
    add_exec(*assembler, 7);
    assembler->add(kProctitle, record(7, "proctitle=\"ls\""), 0);
  }
  CHECK_EQUAL(log.completed().size(), 1U);
  CHECK_EQUAL(live.completed().size(), 0U);
}

TEST("in a log an event without an end is complete after 64 later events have begun") {
  Assembler::Limits limits;
  limits.from_log = true;
  Assembler assembler(limits);
  add_exec(assembler, 1);
  for (unsigned serial = 2; serial <= 65; ++serial) assembler.add(kCwd, record(serial, test::kCwd), 0);
  CHECK_EQUAL(assembler.completed().size(), 0U);
  assembler.add(kCwd, record(66, test::kCwd), 0);
  CHECK_EQUAL(assembler.completed().size(), 1U);
  CHECK_EQUAL(assembler.completed()[0]->exec.serial, 1U);
}

TEST("text that is not a record is counted and has no other effect") {
  Assembler assembler({});
  assembler.add(kSyscall, "", 0);
  assembler.add(kSyscall, "audit(", 0);
  assembler.add(kSyscall, record(7, "arch=c000003e syscall=59 success=yes"), 0);
  add_end(assembler, 7);
  CHECK_EQUAL(assembler.counters().malformed, 3U);
  CHECK_EQUAL(assembler.completed().size(), 0U);
  CHECK_EQUAL(assembler.pending(), 0U);
}

TEST("a script has three items, and its capabilities have no effect") {
  const std::string calls = "arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=0 items=";
  const std::string process = " ppid=50 pid=60 auid=0 uid=0 euid=0 comm=\"x\" exe=\"/usr/bin/x\" key=(null)";
  const auto exec_of = [&](int items, const std::string& capabilities) {
    Assembler assembler({});
    assembler.add(kSyscall, record(7, (calls + std::to_string(items) + process).c_str()), 0);
    assembler.add(kExecve, record(7, kExecveText), 0);
    const std::string path =
        "item=0 name=\"x\" inode=1 dev=fd:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL " +
        capabilities;
    assembler.add(kPath, record(7, path.c_str()), 0);
    for (int i = 1; i < items; ++i) assembler.add(kPath, record(7, kLoaderPath), 0);
    add_end(assembler, 7);
    return std::pair(assembler.completed()[0]->exec.is_script,
                     assembler.completed()[0]->exec.has_file_capabilities);
  };
  const std::string none = "cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0",
                    net_raw = "cap_fp=0000000000002000 cap_fi=0 ";
  CHECK(exec_of(2, none) == std::pair(false, false));
  CHECK(exec_of(2, net_raw) == std::pair(false, true));
  CHECK(exec_of(2, "cap_fp=0 cap_fi=0000000000002000 cap_fe=1") == std::pair(false, true));
  CHECK(exec_of(2, "") == std::pair(false, false));
  CHECK(exec_of(3, net_raw) == std::pair(true, false));
}

TEST("without EOE an event ends with the last PATH that its SYSCALL counts") {
  Assembler assembler({});
  Assembler::Excluded excluded;
  excluded.end = true;
  assembler.set_excluded(excluded);
  add_exec(assembler, 7);
  CHECK_EQUAL(assembler.completed().size(), 1U);
  CHECK_EQUAL(assembler.completed()[0]->exec.cwd, "/srv/work");
  CHECK_EQUAL(assembler.completed()[0]->exec.name, "/bin/ls");
  // A late end begins no event.
  add_end(assembler, 7);
  CHECK_EQUAL(assembler.pending(), 0U);
  CHECK_EQUAL(assembler.counters().incomplete, 0U);
}

TEST("interleaved events of several processors each end with their own last record") {
  Assembler assembler({});
  Assembler::Excluded excluded;
  excluded.end = true;
  assembler.set_excluded(excluded);
  assembler.add(kSyscall, record(7, kExecSyscall), 0);
  add_exec(assembler, 8);
  CHECK_EQUAL(assembler.completed().size(), 1U);
  assembler.add(kExecve, record(7, kExecveText), 0);
  assembler.add(kCwd, record(7, test::kCwd), 0);
  assembler.add(kPath, record(7, test::kPath), 0);
  CHECK_EQUAL(assembler.completed().size(), 1U);
  assembler.add(kPath, record(7, kLoaderPath), 0);
  CHECK_EQUAL(assembler.completed().size(), 2U);
}

TEST("without EOE a call without a file name ends with its SYSCALL") {
  Assembler assembler({});
  Assembler::Excluded excluded;
  excluded.end = true;
  assembler.set_excluded(excluded);
  assembler.add(kSyscall, record(9, syscall_text(109, "0")), 0);
  CHECK_EQUAL(assembler.completed().size(), 1U);
  CHECK(assembler.completed()[0]->kind == Kind::kSetpgid);
  CHECK_EQUAL(assembler.counters().group_changes, 1U);
  CHECK_EQUAL(assembler.group_caller().pid, 60);
}

TEST("if PATH and CWD are excluded too, an event ends with its last remaining record") {
  Assembler::Excluded excluded;
  excluded.end = excluded.path = true;
  Assembler without_path({});
  without_path.set_excluded(excluded);
  without_path.add(kSyscall, record(7, kExecSyscall), 0);
  without_path.add(kExecve, record(7, kExecveText), 0);
  CHECK_EQUAL(without_path.completed().size(), 0U);
  without_path.add(kCwd, record(7, test::kCwd), 0);
  CHECK_EQUAL(without_path.completed().size(), 1U);
  excluded.cwd = true;
  Assembler without_both({});
  without_both.set_excluded(excluded);
  without_both.add(kSyscall, record(7, kExecSyscall), 0);
  CHECK_EQUAL(without_both.completed().size(), 0U);
  without_both.add(kExecve, record(7, kExecveText), 0);
  CHECK_EQUAL(without_both.completed().size(), 1U);
  excluded.execve = true;
  Assembler with_syscall({});
  with_syscall.set_excluded(excluded);
  with_syscall.add(kSyscall, record(7, kExecSyscall), 0);
  CHECK_EQUAL(with_syscall.completed().size(), 1U);
}

TEST("complete events end at once when EOE becomes excluded") {
  Assembler assembler({});
  add_exec(assembler, 7);
  assembler.add(kSyscall, record(8, kExecSyscall), 0);
  Assembler::Excluded excluded;
  excluded.end = true;
  assembler.set_excluded(excluded);
  CHECK_EQUAL(assembler.completed().size(), 1U);
  CHECK_EQUAL(assembler.pending(), 1U);
}

TEST("an exec without its EXECVE record has missing arguments") {
  Assembler assembler({});
  assembler.add(kSyscall, record(7, kExecSyscall), 0);
  add_end(assembler, 7);
  CHECK(assembler.completed()[0]->exec.args_cut);
}

}  // namespace
}  // namespace process_ancestry::audit
