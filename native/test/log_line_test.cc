#include "../sensors/audit/log_line.h"

#include "../sensors/audit/assembler.h"
#include "../sensors/audit/syslog_prefix.h"
#include "harness.h"

namespace process_ancestry::audit {
namespace {

LogLine parsed(std::string_view line) {
  LogLine result;
  CHECK(parse_log_line(line, result) == LineForm::kRecord);
  return result;
}

LineForm form_of(std::string_view line) {
  LogLine result;
  return parse_log_line(line, result);
}

TEST("the type of a line is a name or a number, in upper or lower case") {
  CHECK_EQUAL(parsed("type=SYSCALL msg=audit(1.000:2): a=1").type, kSyscall);
  CHECK_EQUAL(parsed("type=SYSCALL msg=audit(1.000:2): a=1").record, "audit(1.000:2): a=1");
  CHECK_EQUAL(parsed("type=syscall msg=audit(1.000:2): a=1").type, kSyscall);
  CHECK_EQUAL(parsed("type=UNKNOWN[1309] msg=audit(1.000:2): argc=1").type, kExecve);
  CHECK_EQUAL(parsed("type=unknown[1309] msg=audit(1.000:2): argc=1").type, kExecve);
  CHECK_EQUAL(parsed("type=1307 msg=audit(1.000:2): cwd=\"/\"").type, kCwd);
  CHECK_EQUAL(parsed("type=USER_LOGIN msg=audit(1.000:2): pid=1").type, kUserLogin);
  CHECK_EQUAL(parsed("type=USER_START msg=audit(1.000:2): pid=1").type, kUserStart);
  CHECK_EQUAL(parsed("type=USER_AUTH msg=audit(1.000:2): pid=1").type, 0);
  CHECK_EQUAL(parsed("type=99999 msg=audit(1.000:2): pid=1").type, 0);
}

TEST("a record may have any prefix, which has the host if node= is missing") {
  struct Prefixed {
    std::string_view prefix, host;
  };
  for (const Prefixed& one : {
           Prefixed{"node=a.example.com ", "a.example.com"},
           Prefixed{"Sep 20 10:00:01 web1 audispd: node=web2 ", "web2"},
           Prefixed{"Nov  5 10:00:00 web1 audispd: ", "web1"},
           Prefixed{"Nov  5 10:00:00 web1 audisp-syslog[123]: ", "web1"},
           Prefixed{"<13>Nov  5 10:00:00 web1 audispd: ", "web1"},
           Prefixed{"<13>1 2026-11-05T10:00:00.123Z web1 audispd 7 - - ", "web1"},
           Prefixed{"2026-11-05T10:00:00.123456+01:00 web1 audispd: ", "web1"},
           Prefixed{"Thu 2026-11-05 10:00:00 UTC web1 audispd[7]: ", "web1"},
           Prefixed{"Nov 05 10:00:00.123456 web1 audispd[7]: ", "web1"},
           Prefixed{"Nov  5 10:00:00 audispd: ", ""},
           Prefixed{"audispd: ", ""},
           Prefixed{"Sun 2026-11-29 10:00:00 CET web1 audispd[1]: ", "web1"},
           Prefixed{"2026-11-29 10:00:00 +0100 web1 audispd: ", "web1"},
           Prefixed{"2026-11-29 10:00:00 WEB audispd: ", "WEB"},
           Prefixed{"1790000000.123456 web1 audispd[1]: ", "web1"},
           Prefixed{"[    5.123456] web1 audispd[1]: ", "web1"},
           Prefixed{"[Sun Nov 29 10:00:00 2026] audit: ", ""},
           Prefixed{"kern  :notice: [   12.345678] audit: ", ""},
           Prefixed{"Nov 29 2026 10:00:00 web1 : ", "web1"},
           Prefixed{"2026 Nov 29 10:00:00 web1 audispd: ", "web1"},
           Prefixed{"web1 Nov 29 10:00:00 audispd: ", "web1"},
           Prefixed{"Nov 29 10:00:00 audit01 audispd: ", "audit01"},
           Prefixed{"Nov 29 10:00:00 10.0.0.5 audispd: ", "10.0.0.5"},
           Prefixed{"Nov 29 10:00:00 fe80::1%eth0 audispd: ", "fe80::1%eth0"},
           Prefixed{"Nov 29 10:00:00 web1 local6.notice audispd: ", "web1"},
           Prefixed{"Nov 29 10:00:00 web1 [web1] audispd: ", "web1"},
           Prefixed{"Nov 29 10:00:00 web1: ", "web1"},
           Prefixed{"<13>1 - web1 audispd 7 - [meta sequenceId=\"29\"] ", "web1"},
           Prefixed{"<13>1 - - audispd - - - ", ""},
           Prefixed{"2026-11-29T10:00:00Z web1 audispd 7 - [meta sequenceId=\"29\"] ", "web1"},
           Prefixed{"web1 ", "web1"},
           Prefixed{"web1: ", "web1"},
           Prefixed{"host=web1 ", "web1"},
           Prefixed{"index=main hostname='web1' time=2026-11-29T10:00:00Z ", "web1"},
           Prefixed{"node='' ", ""},
           Prefixed{"node=\"\" host=web1 ", "web1"},
           Prefixed{"web1/audit.log: ", "web1"},
           Prefixed{"web1/audit.log.1:", "web1"},
           Prefixed{"logs/web1/var/log/audit/audit.log:12:", "logs/web1"},
           Prefixed{"/var/log/audit/audit.log:", ""},
           Prefixed{"audit-web1.log: ", "audit-web1.log"},
           // An unknown form must give a name that differs from all other hosts.
           Prefixed{"Nov 29 10:00:00 loghost 10.0.0.1 audispd: ", "loghost 10.0.0.1"},
           Prefixed{"Nov 29 10:00:00 loghost [web1] audispd: ", "loghost web1"},
           Prefixed{"something else 42 seq=17 ", "something else"},
           Prefixed{"\t", ""},
       }) {
    const std::string line = std::string(one.prefix) + "type=CWD msg=audit(1.000:2): cwd=\"/\"";
    CHECK_EQUAL(parsed(line).host, one.host);
    CHECK_EQUAL(parsed(line).type, kCwd);
    CHECK_EQUAL(parsed(line).record, "audit(1.000:2): cwd=\"/\"");
  }
}

TEST("node= at the end also names the host, but not inside a text") {
  CHECK_EQUAL(parsed("type=CWD msg=audit(1.000:2): cwd=\"/\" node=web1").host, "web1");
  CHECK_EQUAL(parsed("type=CWD msg=audit(1.000:2): cwd=\"/\" node=web1").record, "audit(1.000:2): cwd=\"/\"");
  CHECK_EQUAL(parsed("type=EXECVE msg=audit(1.000:2): argc=1 a0=\"x node=web1\"").host, "");
}

TEST("type, time and serial may be quoted and separated by tabs and spaces") {
  for (const char* text :
       {"type=\"SYSCALL\" msg=audit(1.000:2): pid=1", "type='syscall' msg=audit(1.000:2): pid=1",
        "type=SYSCALL  msg=audit(1.000:2): pid=1", "type=SYSCALL\tmsg=audit(1.000:2):\tpid=1",
        "type=SYSCALL msg=\"audit(1.000:2):\" pid=1", "type=SYSCALL msg='audit(1.000:2)': pid=1"}) {
    CHECK_EQUAL(parsed(text).type, kSyscall);
    CHECK_EQUAL(parsed(text).record.substr(0, 14), "audit(1.000:2)");
  }
  CHECK(form_of("type=SYSCALL msg=\"audit(1.000:2): comm=\\\"ls\\\"\"") == LineForm::kInQuotes);
}

TEST("only lines of a syslog daemon may be cut") {
  CHECK(!parsed("type=CWD msg=audit(1.000:2): cwd=\"/\"").has_prefix);
  CHECK(!parsed("node=a type=CWD msg=audit(1.000:2): cwd=\"/\"").has_prefix);
  CHECK(parsed("audispd: node=a type=CWD msg=audit(1.000:2): cwd=\"/\"").has_prefix);
}

TEST("records in the format of the kernel log are read") {
  for (const char* prefix : {"Nov 29 10:00:00 host7 kernel: audit: ", "[   12.345678] audit: ",
                             "Nov 29 10:00:00 host7 kernel: [   12.345678] audit: ", "audit: "}) {
    const LogLine line = parsed(std::string(prefix) + "type=1300 audit(1.000:2): pid=1");
    CHECK_EQUAL(line.type, kSyscall);
    CHECK_EQUAL(line.record, "audit(1.000:2): pid=1");
  }
  CHECK_EQUAL(parsed("Nov 29 10:00:00 host7 kernel: audit: type=1300 audit(1.000:2): pid=1").host, "host7");
  CHECK_EQUAL(parsed("[   12.345678] audit: type=1300 audit(1.000:2): pid=1").host, "");
}

TEST("the enriched part of a line is separated, also if rsyslog escaped the separator") {
  const LogLine raw = parsed("type=SYSCALL msg=audit(1.000:2): uid=0\x1dUID=\"root\"");
  CHECK_EQUAL(raw.record, "audit(1.000:2): uid=0");
  CHECK_EQUAL(raw.enriched, "UID=\"root\"");
  const LogLine escaped =
      parsed("audispd: type=SYSCALL msg=audit(1.000:2): comm=\"#035A\" uid=0#035UID=\"root\"");
  CHECK_EQUAL(escaped.record, "audit(1.000:2): comm=\"#035A\" uid=0");
  CHECK_EQUAL(escaped.enriched, "UID=\"root\"");
  CHECK_EQUAL(parsed("audispd: type=EXECVE msg=audit(1.000:2): argc=1 a0=\"#035\"").enriched, "");
}

TEST("other lines are not records") {
  for (const char* text : {"", "type=", "type=SYSCALL", "type= msg=audit(1.0:2)", "msg=audit(1.000:2): a=1",
                           "node=x", "node=", "type=SYSCALL msg=other(1.000:2): a=1", "hello world",
                           "type=SYSCALL msg=audit(1.000:", "type=CWD msg=audit(", "----",
                           "time->Mon Sep 21 14:13:20 2026", "subtype=SYSCALL msg=audit(1.000:2): a=1"}) {
    CHECK(form_of(text) == LineForm::kOther);
  }
}

TEST("other formats are distinguished") {
  for (const char* text :
       {"type=SYSCALL msg=audit(09/21/2026 14:13:20.010:101) : arch=x86_64 syscall=execve",
        "type=SYSCALL msg=audit(21.09.2026 14:13:20.010:101) : arch=x86_64",
        "node=web1 type=SYSCALL msg=audit(2026-09-21 14:13:20.010:101) : arch=x86_64",
        "type=SYSCALL msg=audit(1.000:2): arch=x86_64 syscall=execve success=yes",
        "type=SYSCALL msg=audit(1.000:2): arch=c000003e syscall=59 uid=root comm=\"ls\""}) {
    CHECK(form_of(text) == LineForm::kInterpreted);
  }
  for (const char* text :
       {"[type=SYSCALL msg=audit(1.000:2): pid=1, type=EXECVE msg=audit(1.000:2): argc=1]",
        "type=SYSCALL msg=audit(1.000:2): pid=1 type=EXECVE msg=audit(1.000:2): argc=1",
        "type=SYSCALL msg=audit(1.000:2): pid=1 key=\"k\" type=EXECVE argc=1 a0=\"ls\"",
        "type=SYSCALL msg=audit(1.000:2): pid=1 key=(null) argc=1 a0=\"ls\" cwd=\"/\"",
        "type=SYSCALL msg=audit(1.000:2): pid=1 key=\"k\" proctitle=6C73",
        "type=EXECVE msg=audit(1.000:2): argc=1 a0=\"ls\" cwd=\"/\" item=0 name=\"/bin/ls\"",
        "type=CWD msg=audit(1.000:2): cwd=\"/\" item=0 name=\"/bin/ls\""}) {
    CHECK(form_of(text) == LineForm::kEventLine);
  }
  for (const char* text : {"type=EXECVE msg=audit(1.000:2): argc=2 a0=\"sh\" a1=\"type=CWD cwd=/ item=0\"",
                           "type=SYSCALL msg=audit(1.000:2): items=2 pid=1 comm=\"a argc=1\" exe=\"/x\"",
                           "type=CWD msg=audit(1.000:2): cwd=\"/a item=0\"",
                           "type=PATH msg=audit(1.000:2): item=0 name=\"cwd=\" nametype=NORMAL"}) {
    CHECK(form_of(text) == LineForm::kRecord);
  }
  for (const char* text :
       {"{\"ID\":\"1626611363.720:348501\",\"SYSCALL\":{\"arch\":\"0xc000003e\"}}",
        "{\"message\":\"type=SYSCALL msg=audit(1.000:2): comm=\\\"ls\\\"\"}",
        "Nov  5 10:00:00 web1 go-audit: {\"sequence\":1,\"messages\":[{\"type\":1300}]}"}) {
    CHECK(form_of(text) == LineForm::kJson);
  }
  CHECK(form_of("Nov  5 10:00:00 web1 audit[123]: SYSCALL arch=c000003e syscall=59") == LineForm::kWithoutId);
}

}  // namespace
}  // namespace process_ancestry::audit
