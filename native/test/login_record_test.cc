#include "../sensors/audit/login_record.h"

#include "../sensors/audit/assembler.h"
#include "audit_text.h"
#include "harness.h"

namespace process_ancestry::audit {
namespace {

using test::record;

// Returns "wanted address terminal exe", or why there is no login.
std::string login(std::string_view body) {
  AuditEvent event;
  if (!read_login(event, body)) return "malformed";
  if (event.state != AuditEvent::State::kWanted) return "not wanted";
  event.complete();
  const LoginEvent& login = event.login;
  const auto text = [](std::string_view view) { return view.empty() ? "-" : std::string(view); };
  return std::to_string(event.pid) + " " + std::to_string(login.ses) + " " + text(login.address) + " " +
         text(login.terminal) + " " + text(login.exe);
}

std::string said(const std::string& text) { return login(" pid=7 uid=0 auid=1000 ses=3 msg='" + text + "'"); }

TEST("a login reports its session, address, terminal and program") {
  CHECK_EQUAL(login(" pid=11396 uid=0 auid=1001 ses=36 msg='op=login id=1001 exe=\"/usr/sbin/sshd\" "
                    "hostname=72.83.230.100 addr=72.83.230.100 terminal=/dev/pts/1 res=success'"),
              "11396 36 72.83.230.100 /dev/pts/1 /usr/sbin/sshd");
}

TEST("a word at the start of the record, and labels in it, change nothing") {
  CHECK_EQUAL(login(" user pid=7 uid=0 auid=0 ses=3 subj=system_u:system_r:sshd_t:s0-s0:c0.c1023 "
                    "msg='op=login addr=10.0.2.2 terminal=ssh res=success'"),
              "7 3 10.0.2.2 ssh -");
}

TEST("unknown values are empty, and a program's name in hex is decoded") {
  CHECK_EQUAL(said("exe=? hostname=? addr=? terminal=? res=success"), "7 3 - - -");
  CHECK_EQUAL(said("res=success"), "7 3 - - -");
  CHECK_EQUAL(said("exe=2F6F70742F6D7920737368 addr=\"::1\" terminal=\"cron\" res=success"),
              "7 3 ::1 cron /opt/my ssh");
}

TEST("an address is IPv4 or IPv6, with or without a zone, and not a host name") {
  CHECK_EQUAL(said("addr=2001:db8::42 res=success"), "7 3 2001:db8::42 - -");
  CHECK_EQUAL(said("addr=fe80::1%eth0 res=success"), "7 3 fe80::1%eth0 - -");
  CHECK_EQUAL(said("addr=::ffff:10.0.0.9 res=success"), "7 3 ::ffff:10.0.0.9 - -");
  for (const char* nonsense : {"gateway.example", "UNKNOWN", "1.2.3", "1.2.3.4.5", ":::", "%eth0",
                               "11111111111111111111111111111111111111111111111111111111111111111111111"}) {
    CHECK_EQUAL(said(std::string("addr=") + nonsense + " terminal=ssh res=success"), "7 3 - ssh -");
  }
}

TEST("a terminal name that looks like hex is not decoded") {
  CHECK_EQUAL(said("terminal=cafe res=success"), "7 3 - cafe -");
}

TEST("a peer's host name cannot set the address or the success") {
  CHECK_EQUAL(said("hostname=x addr=6.6.6.6 res=success addr=10.0.0.9 terminal=ssh res=failed"),
              "not wanted");
  CHECK_EQUAL(said("hostname=x addr=6.6.6.6 terminal=no addr=10.0.0.9 terminal=ssh res=success"),
              "7 3 10.0.0.9 ssh -");
  CHECK_EQUAL(said("hostname=it's addr=10.0.0.9 terminal=ssh res=success"), "7 3 10.0.0.9 ssh -");
  CHECK_EQUAL(said("hostname=x' pid=1 ses=9 addr=10.0.0.9 terminal=ssh res=success"), "7 3 10.0.0.9 ssh -");
}

TEST("a failed login is not wanted, and a login without a message or a pid is malformed") {
  CHECK_EQUAL(said("op=login addr=179.38.151.221 terminal=sshd res=failed"), "not wanted");
  CHECK_EQUAL(said("op=login addr=179.38.151.221"), "not wanted");
  CHECK_EQUAL(login(" pid=7 ses=3 res=success"), "malformed");
  CHECK_EQUAL(login(" pid=7 ses=3 msg='"), "malformed");
  CHECK_EQUAL(login(" ses=3 msg='res=success'"), "malformed");
  CHECK_EQUAL(login(""), "malformed");
}

TEST("a login is an event of one record, delivered at once and only once, also amid the records of an exec") {
  Assembler assembler({});
  const std::string message = record(8, "pid=7 ses=3 msg='addr=10.0.0.9 terminal=ssh res=success'");
  assembler.add(kSyscall, record(7, test::kExecSyscall), 0);
  assembler.add(kUserLogin, message, 0);
  assembler.add(kUserLogin, message, 0);
  assembler.add(kUserStart, record(9, "pid=7 ses=3 msg='addr=10.0.0.9 res=failed'"), 0);
  assembler.add(kExecve, record(7, test::kExecve), 0);
  CHECK_EQUAL(assembler.completed().size(), 1U);
  assembler.add(kEndOfEvent, record(7, ""), 0);
  CHECK_EQUAL(assembler.completed().size(), 2U);
  CHECK(assembler.completed()[0]->kind == Kind::kLogin);
  CHECK_EQUAL(assembler.completed()[0]->login.address, "10.0.0.9");
  CHECK(assembler.completed()[1]->kind == Kind::kExec);
  CHECK_EQUAL(assembler.completed()[1]->exec.args_count, 3U);
  CHECK_EQUAL(assembler.pending(), 0U);
  assembler.recycle_completed();
  CHECK_EQUAL(assembler.bytes_held(), 0U);
  CHECK_EQUAL(assembler.counters().incomplete, 0U);
}

}  // namespace
}  // namespace process_ancestry::audit
