#include <cmath>

#include "../sensors/audit/log_reader.h"
#include "audit_text.h"
#include "harness.h"
#include "unpack.h"

namespace process_ancestry::audit {
namespace {

using test::record;
using test::unpack;

std::string line(const std::string& type, const std::string& record) {
  return "type=" + type + " msg=" + record + "\n";
}

std::string exec_lines(unsigned serial, unsigned long long seconds = 1700000000) {
  return line("SYSCALL", record(serial, test::kExecSyscall, seconds)) +
         line("EXECVE", record(serial, test::kExecve, seconds)) +
         line("CWD", record(serial, test::kCwd, seconds)) +
         line("PATH", record(serial, test::kPath, seconds));
}

// The complete events of the first host of a log.
Batch take(const LogReader& reader) {
  Batch batch;
  if (!reader.hosts().empty()) batch.swap(reader.hosts().front()->batch);
  return batch;
}

std::vector<test::Unpacked> read_all(const std::string& text) {
  LogReader reader(1 << 20);
  reader.feed(text);
  reader.end();
  return unpack(take(reader));
}

TEST("a log without EOE yields its execs, the last one at the end of the log") {
  LogReader reader(1 << 20);
  reader.feed(exec_lines(1) + exec_lines(2));
  CHECK(take(reader).empty());
  reader.end();
  const auto records = unpack(take(reader));
  CHECK_EQUAL(records.size(), 3U);
  CHECK(records[0].kind == Kind::kClock);
  CHECK(std::isnan(records[0].number("offset")));
  CHECK_EQUAL(records[1].number("serial"), 1.0);
  CHECK_EQUAL(records[2].number("serial"), 2.0);
  CHECK_EQUAL(records[2].text("path"), "/usr/bin/ls");
  CHECK_EQUAL(reader.assembled().incomplete, 0U);
}

TEST("two seconds of log time complete an event without an end") {
  LogReader reader(1 << 20);
  reader.feed(exec_lines(1, 1700000000));
  reader.feed(line("CWD", record(2, test::kCwd, 1700000002)));
  CHECK(take(reader).empty());
  reader.feed(line("CWD", record(3, test::kCwd, 1700000003)));
  CHECK_EQUAL(unpack(take(reader)).size(), 2U);
}

TEST("the result does not depend on where a log is cut") {
  const std::string log = exec_lines(1) + "\r\nrubbish\n" + exec_lines(2) + line("EOE", record(2, ""));
  const auto expected = read_all(log);
  CHECK_EQUAL(expected.size(), 3U);
  for (const size_t piece : {1U, 2U, 7U, 100U}) {
    LogReader reader(1 << 20);
    for (size_t at = 0; at < log.size(); at += piece) reader.feed(std::string_view(log).substr(at, piece));
    reader.end();
    const auto records = unpack(take(reader));
    CHECK_EQUAL(records.size(), expected.size());
    CHECK_EQUAL(records.back().text("args"), expected.back().text("args"));
    CHECK_EQUAL(reader.counters().malformed, 1U);
    CHECK_EQUAL(reader.counters().lines, 10U);
  }
}

TEST("an endless line does not grow without limit, and later lines are read") {
  LogReader reader(1 << 20);
  const std::string rubbish(1 << 16, 'x');
  for (int i = 0; i < 100; ++i) reader.feed(rubbish);
  reader.feed("\n" + exec_lines(1));
  reader.end();
  CHECK_EQUAL(unpack(take(reader)).size(), 2U);
  CHECK_EQUAL(reader.counters().malformed, 1U);
}

TEST("a line of more than a mebibyte is not a record") {
  const std::string padded = std::string(test::kExecSyscall) + std::string(2 << 20, ' ');
  CHECK(read_all(line("SYSCALL", record(1, padded)) + line("EOE", record(1, ""))).empty());
}

std::string clone_lines(unsigned serial, const char* milliseconds) {
  constexpr std::string_view kClone =
      "arch=c000003e syscall=56 success=yes exit=1009 a0=1200011 a1=0 ppid=1007 pid=1008 comm=\"ls\" "
      "exe=\"/ls\"";
  return line("SYSCALL", record(serial, kClone, 1700000000, milliseconds)) +
         line("PROCTITLE", record(serial, "proctitle=6C73", 1700000000, milliseconds));
}

std::vector<double> serials_or_pids(const std::vector<test::Unpacked>& events) {
  std::vector<double> result;
  for (const auto& event : events) {
    if (event.kind == Kind::kExec) result.push_back(event.number("serial"));
    if (event.kind == Kind::kFork) result.push_back(event.pid);
  }
  return result;
}

TEST("events out of order in the log are reported in the order of their times and serials") {
  const std::string execs[] = {exec_lines(1), exec_lines(2), exec_lines(3)};
  const std::vector<double> in_order = {1, 2, 3};
  CHECK(serials_or_pids(read_all(execs[2] + execs[0] + execs[1])) == in_order);
  CHECK(serials_or_pids(read_all(execs[1] + execs[2] + execs[0])) == in_order);
  // The record of its own exec was at .123.
  const std::vector<double> exec_first = {1, 1009}, clone_first = {1009, 1};
  CHECK(serials_or_pids(read_all(clone_lines(2, "124") + exec_lines(1))) == exec_first);
  CHECK(serials_or_pids(read_all(exec_lines(1) + clone_lines(2, "122"))) == clone_first);
}

TEST("a clock that was set back, or an appended log, does not change the order") {
  const std::vector<double> as_written = {2, 1};
  CHECK(serials_or_pids(read_all(exec_lines(2, 1700003600) + exec_lines(1, 1700000000))) == as_written);
}

std::string ended_exec_lines(unsigned serial, unsigned long long seconds) {
  return exec_lines(serial, seconds) + line("EOE", record(serial, "", seconds));
}

TEST("one absurd time does not change the order, and its event keeps its position in the log") {
  for (const unsigned long long absurd : {1700090000ULL, 1600000000ULL}) {
    std::string log;
    for (const unsigned serial : {2U, 9U, 1U, 4U, 3U}) {
      log += ended_exec_lines(serial, serial == 9 ? absurd : 1700000000 + serial);
    }
    CHECK(serials_or_pids(read_all(log)) == (std::vector<double>{1, 2, 9, 3, 4}));
  }
}

TEST("events are sorted again after the clock was set and after silence") {
  for (const unsigned long long then : {1700090000ULL, 1600000000ULL}) {
    std::string log = ended_exec_lines(2, 1700000000) + ended_exec_lines(1, 1700000000);
    for (const unsigned serial : {4U, 3U, 6U, 5U}) log += ended_exec_lines(serial, then);
    CHECK(serials_or_pids(read_all(log)) == (std::vector<double>{1, 2, 3, 4, 5, 6}));
  }
}

TEST("an absurd time does not end an event whose records are still missing") {
  const std::string whole = exec_lines(1);
  const size_t half = whole.find('\n') + 1;
  const auto events = read_all(whole.substr(0, half) + ended_exec_lines(9, 1700090000) + whole.substr(half));
  CHECK_EQUAL(events.size(), 3U);
  for (const auto& event : events) {
    if (event.kind == Kind::kExec) CHECK(!event.text("args").empty());
  }
}

TEST("events wait for earlier ones for three seconds of log time, or until the input pauses") {
  LogReader reader(1 << 20);
  reader.feed(exec_lines(1) + line("EOE", record(1, "")));
  CHECK(take(reader).empty());
  reader.feed(exec_lines(2, 1700000003) + line("EOE", record(2, "", 1700000003)));
  CHECK(serials_or_pids(unpack(take(reader))) == std::vector<double>{1});
  reader.flush();
  CHECK(serials_or_pids(unpack(take(reader))) == std::vector<double>{2});
}

TEST("the number of waiting events is limited") {
  LogReader reader(1 << 20);
  std::string log;
  for (unsigned serial = 1; serial <= 5000; ++serial)
    log += exec_lines(serial) + line("EOE", record(serial, ""));
  reader.feed(log);
  const auto told = serials_or_pids(unpack(take(reader)));
  CHECK(told.size() >= 3900);
  for (size_t i = 0; i < told.size(); ++i) CHECK_EQUAL(told[i], static_cast<double>(i + 1));
}

TEST("the number of waiting events of all hosts together is limited") {
  LogReader reader(1 << 20);
  size_t told = 0, events = 0;
  for (unsigned serial = 1; serial <= 100; ++serial) {
    std::string log;
    for (int host = 0; host < 200; ++host, ++events) {
      const std::string name = "node=h" + std::to_string(host) + " ";
      log +=
          name + line("SYSCALL", record(serial, test::kExecSyscall)) + name + line("EOE", record(serial, ""));
    }
    reader.feed(log);
    for (const auto& host : reader.hosts()) {
      told += serials_or_pids(unpack(host->batch)).size();
      host->batch.clear();
    }
    CHECK(events - told <= 16 * 1024);
  }
  CHECK(told > 0);
}

TEST("hosts of one log are kept apart, even if their serials are the same") {
  LogReader reader(1 << 20);
  std::string log;
  const std::string one = exec_lines(1);
  for (size_t at = 0; at < one.size();) {
    const size_t end = one.find('\n', at) + 1;
    const std::string text = one.substr(at, end - at);
    log += "node=web1 " + text;
    // The records of db1 have no working directory.
    if (text.find("type=CWD") == std::string::npos) log += "node=db1 " + text;
    at = end;
  }
  reader.feed(log);
  reader.end();
  CHECK_EQUAL(reader.hosts().size(), 2U);
  if (reader.hosts().size() != 2) return;
  CHECK_EQUAL(reader.hosts()[0]->name, "web1");
  CHECK_EQUAL(reader.hosts()[1]->name, "db1");
  const auto web = unpack(reader.hosts()[0]->batch), db = unpack(reader.hosts()[1]->batch);
  CHECK_EQUAL(web.size(), 2U);
  CHECK_EQUAL(db.size(), 2U);
  CHECK_EQUAL(web[1].text("cwd"), "/srv/work");
  CHECK_EQUAL(db[1].text("cwd"), "");
}

TEST("host names are compared without case") {
  LogReader reader(1 << 20);
  for (const char* name : {"web1", "WEB1", "Web1"}) {
    reader.feed(std::string("node=") + name + " " + line("CWD", record(1, test::kCwd)));
  }
  CHECK_EQUAL(reader.hosts().size(), 1U);
  CHECK_EQUAL(reader.hosts()[0]->name, "web1");
}

TEST("hosts beyond the limit are counted and use no memory") {
  LogReader reader(1 << 20);
  for (size_t i = 0; i < LogReader::kHostsMax + 7; ++i) {
    reader.feed("node=h" + std::to_string(i) + " " + line("CWD", record(1, test::kCwd)));
  }
  CHECK_EQUAL(reader.hosts().size(), LogReader::kHostsMax);
  CHECK_EQUAL(reader.counters().beyond_hosts, 7U);
}

TEST("each name in an enriched log is reported once, with its id") {
  LogReader reader(1 << 20);
  const std::string record_text = line("SYSCALL", record(1, "pid=7 auid=4294967295 uid=1000 gid=100 euid=0"));
  const std::string names =
      "\x1d"
      "ARCH=x86_64 AUID=\"unset\" UID=\"alice\" GID=\"users\" EUID=\"unknown(0)\"\n";
  const std::string enriched = record_text.substr(0, record_text.size() - 1) + names;
  reader.feed(enriched + enriched);
  const auto news = reader.hosts()[0]->names.take_news();
  CHECK_EQUAL(news.size(), 2U);
  if (news.size() != 2) return;
  CHECK_EQUAL(news[0].id, 1000U);
  CHECK_EQUAL(news[0].text, "alice");
  CHECK(!news[0].of_group);
  CHECK_EQUAL(news[1].id, 100U);
  CHECK_EQUAL(news[1].text, "users");
  CHECK(news[1].of_group);
  reader.feed(enriched);
  CHECK(reader.hosts()[0]->names.take_news().empty());
}

TEST("a byte order mark is not part of the first line") {
  CHECK_EQUAL(read_all("\xef\xbb\xbf" + exec_lines(1)).size(), 2U);
}

TEST("the forms of other lines are counted") {
  LogReader reader(1 << 20);
  reader.feed(
      "{\"ID\":\"1.2:3\"}\nhello\ntype=SYSCALL msg=audit(09/21/2026 14:13:20.010:101) : arch=x86_64\n");
  reader.end();
  const auto& forms = reader.counters().forms;
  CHECK_EQUAL(forms[static_cast<size_t>(LineForm::kJson)], 1U);
  CHECK_EQUAL(forms[static_cast<size_t>(LineForm::kOther)], 1U);
  CHECK_EQUAL(forms[static_cast<size_t>(LineForm::kInterpreted)], 1U);
  CHECK_EQUAL(reader.counters().malformed, 3U);
  CHECK_EQUAL(reader.counters().records, 0U);
}

TEST("an enriched log yields the same exec as a raw log") {
  std::string enriched;
  const std::string raw = exec_lines(1);
  for (const char c : raw) {
    if (c == '\n') enriched += "\x1dUID=\"root\" exe=\"/wrong\"";
    enriched += c;
  }
  const auto a = read_all(raw), b = read_all(enriched);
  CHECK_EQUAL(b.size(), 2U);
  CHECK(a[1].texts == b[1].texts && a[1].number("serial") == b[1].number("serial"));
  CHECK(a[1].texts == b[1].texts);
}

TEST("the recorded log of RHEL 7 has one login, one malformed line and no complete exec") {
  LogReader reader(1 << 20);
  reader.feed(test::read_fixture("audit-rhel7.log"));
  reader.end();
  const auto records = unpack(take(reader));
  CHECK_EQUAL(records.size(), 3U);
  if (records.size() != 3) return;
  for (const auto& login : {records[1], records[2]}) {
    CHECK(login.kind == Kind::kLogin);
    CHECK_EQUAL(login.pid, 1298);
    CHECK_EQUAL(login.number("ses"), 1.0);
    CHECK_EQUAL(login.text("address"), "96.241.146.97");
    CHECK_EQUAL(login.text("exe"), "/usr/sbin/sshd");
  }
  CHECK_EQUAL(reader.counters().malformed, 1U);  // type=UNKNOWN[1329] msg=?
  CHECK_EQUAL(reader.assembled().malformed, 0U);
  CHECK_EQUAL(reader.assembled().incomplete, 5U);
}

TEST("a recorded argument in hex is decoded when its event is complete") {
  std::string log = test::read_fixture("audit-rhel7.log");
  log.insert(log.find('\n', log.find(":1075898): argc")) + 1,
             line("SYSCALL", record(1075898, test::kExecSyscall, 1491946471, "575")));
  const auto records = read_all(log);
  CHECK_EQUAL(records.size(), 4U);
  if (records.size() != 4) return;
  const std::string& args = records[3].text("args");
  CHECK_EQUAL(args.substr(0, 5), std::string_view("jq\0.\0", 5));
  CHECK_EQUAL(args.substr(5, 26), "{\n        \"dev\": \"08:01\",\n");
  CHECK_EQUAL(records[3].number("args_count"), 3.0);
}

TEST("the recorded log of Ubuntu 16 has the successful login and not the failed one") {
  LogReader reader(1 << 20);
  reader.feed(test::read_fixture("audit-ubuntu16.log"));
  reader.end();
  CHECK_EQUAL(reader.counters().lines, 3U);
  const auto records = unpack(take(reader));
  CHECK_EQUAL(records.size(), 2U);
  if (records.size() != 2) return;
  CHECK_EQUAL(records[1].pid, 11396);
  CHECK_EQUAL(records[1].number("ses"), 36.0);
  CHECK_EQUAL(records[1].text("address"), "72.83.230.100");
  CHECK_EQUAL(records[1].text("terminal"), "/dev/pts/1");
  CHECK_EQUAL(reader.counters().malformed, 0U);
}

}  // namespace
}  // namespace process_ancestry::audit
