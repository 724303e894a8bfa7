#include <cmath>

#include "../audit/log_line.h"
#include "../audit/log_reader.h"
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

std::vector<test::Unpacked> read_all(const std::string& text) {
  LogReader reader(1 << 20);
  Batch batch;
  reader.feed(text, batch);
  reader.end(batch);
  return unpack(batch);
}

TEST("a line names its type, by name or by number, and its node") {
  LogLine parsed;
  CHECK(parse_log_line("type=SYSCALL msg=audit(1.000:2): a=1", parsed));
  CHECK_EQUAL(parsed.type, kSyscall);
  CHECK_EQUAL(parsed.record, "audit(1.000:2): a=1");
  CHECK(parse_log_line("node=a.example.com type=EXECVE msg=audit(1.000:2): argc=1", parsed));
  CHECK_EQUAL(parsed.type, kExecve);
  CHECK(parse_log_line("type=UNKNOWN[1309] msg=audit(1.000:2): argc=1", parsed));
  CHECK_EQUAL(parsed.type, kExecve);
  CHECK(parse_log_line("type=1307 msg=audit(1.000:2): cwd=\"/\"", parsed));
  CHECK_EQUAL(parsed.type, kCwd);
  CHECK(parse_log_line("type=USER_LOGIN msg=audit(1.000:2): pid=1", parsed));
  CHECK_EQUAL(parsed.type, kUserLogin);
  CHECK(parse_log_line("type=USER_START msg=audit(1.000:2): pid=1", parsed));
  CHECK_EQUAL(parsed.type, kUserStart);
  CHECK(parse_log_line("type=USER_AUTH msg=audit(1.000:2): pid=1", parsed));
  CHECK_EQUAL(parsed.type, 0);
}

TEST("the enriched half of a line is left out") {
  LogLine parsed;
  CHECK(parse_log_line("type=SYSCALL msg=audit(1.000:2): uid=0\x1dUID=\"root\"", parsed));
  CHECK_EQUAL(parsed.record, "audit(1.000:2): uid=0");
}

TEST("what is no line of an audit log is refused") {
  LogLine parsed;
  for (const char* text : {"", "type=", "type=SYSCALL", "type= msg=audit(1.0:2)", "msg=audit(1.000:2): a=1",
                           "node=x", "type=SYSCALL msg=other(1.000:2): a=1", "hello world"}) {
    CHECK(!parse_log_line(text, parsed));
  }
}

TEST("a log without EOE gives its execs, the last one at the end") {
  LogReader reader(1 << 20);
  Batch batch;
  reader.feed(exec_lines(1) + exec_lines(2), batch);
  CHECK(batch.empty());
  reader.end(batch);
  const auto records = unpack(batch);
  CHECK_EQUAL(records.size(), 3U);
  CHECK(records[0].kind == Kind::kClock);
  CHECK(std::isnan(records[0].doubles[0]));
  CHECK_EQUAL(records[1].words[0], 1U);
  CHECK_EQUAL(records[2].words[0], 2U);
  CHECK_EQUAL(records[2].texts[1], "/usr/bin/ls");
  CHECK_EQUAL(reader.assembled().incomplete, 0U);
}

TEST("two seconds of log time complete an event without an end") {
  LogReader reader(1 << 20);
  Batch batch;
  reader.feed(exec_lines(1, 1700000000), batch);
  reader.feed(line("CWD", record(2, test::kCwd, 1700000002)), batch);
  CHECK(batch.empty());
  reader.feed(line("CWD", record(3, test::kCwd, 1700000003)), batch);
  CHECK_EQUAL(unpack(batch).size(), 2U);
}

TEST("it does not matter where the pieces of a log are cut") {
  const std::string log = exec_lines(1) + "\r\nrubbish\n" + exec_lines(2) + line("EOE", record(2, ""));
  const auto expected = read_all(log);
  CHECK_EQUAL(expected.size(), 3U);
  for (const size_t piece : {1U, 2U, 7U, 100U}) {
    LogReader reader(1 << 20);
    Batch batch;
    for (size_t at = 0; at < log.size(); at += piece)
      reader.feed(std::string_view(log).substr(at, piece), batch);
    reader.end(batch);
    const auto records = unpack(batch);
    CHECK_EQUAL(records.size(), expected.size());
    CHECK_EQUAL(records.back().texts[4], expected.back().texts[4]);
    CHECK_EQUAL(reader.counters().malformed, 1U);
    CHECK_EQUAL(reader.counters().lines, 10U);
  }
}

TEST("a line without end does not grow for ever, and the lines after it are read") {
  LogReader reader(1 << 20);
  Batch batch;
  const std::string rubbish(1 << 16, 'x');
  for (int i = 0; i < 100; ++i) reader.feed(rubbish, batch);
  reader.feed("\n" + exec_lines(1), batch);
  reader.end(batch);
  CHECK_EQUAL(unpack(batch).size(), 2U);
  CHECK_EQUAL(reader.counters().malformed, 1U);
}

TEST("a line of more than a mebibyte is no record, whatever it says") {
  const std::string padded = std::string(test::kExecSyscall) + std::string(2 << 20, ' ');
  CHECK(read_all(line("SYSCALL", record(1, padded)) + line("EOE", record(1, ""))).empty());
}

TEST("an enriched log gives the same exec as a raw one") {
  std::string enriched;
  const std::string raw = exec_lines(1);
  for (const char c : raw) {
    if (c == '\n') enriched += "\x1dUID=\"root\" exe=\"/wrong\"";
    enriched += c;
  }
  const auto a = read_all(raw), b = read_all(enriched);
  CHECK_EQUAL(b.size(), 2U);
  CHECK(a[1].words == b[1].words);
  CHECK(a[1].texts == b[1].texts);
}

TEST("the recorded log of RHEL 7 has one login, one line that is none, and no exec with all its records") {
  LogReader reader(1 << 20);
  Batch batch;
  reader.feed(test::read_fixture("audit-rhel7.log"), batch);
  reader.end(batch);
  const auto records = unpack(batch);
  CHECK_EQUAL(records.size(), 3U);
  if (records.size() != 3) return;
  for (const auto& login : {records[1], records[2]}) {
    CHECK(login.kind == Kind::kLogin);
    CHECK_EQUAL(login.pid, 1298);
    CHECK_EQUAL(login.words[0], 1U);
    CHECK_EQUAL(login.texts[0], "96.241.146.97");
    CHECK_EQUAL(login.texts[2], "/usr/sbin/sshd");
  }
  CHECK_EQUAL(reader.counters().malformed, 1U);  // type=UNKNOWN[1329] msg=?
  CHECK_EQUAL(reader.assembled().malformed, 0U);
  CHECK_EQUAL(reader.assembled().incomplete, 5U);
}

TEST("a recorded argument in hex is decoded, once its event is whole") {
  const auto records = read_all(test::read_fixture("audit-rhel7.log") + "\n" +
                                line("SYSCALL", record(1075898, test::kExecSyscall, 1491946471, "575")));
  CHECK_EQUAL(records.size(), 4U);
  if (records.size() != 4) return;
  const std::string& args = records[3].texts[4];
  CHECK_EQUAL(args.substr(0, 5), std::string_view("jq\0.\0", 5));
  CHECK_EQUAL(args.substr(5, 26), "{\n        \"dev\": \"08:01\",\n");
  CHECK_EQUAL(records[3].argc, 3U);
}

TEST("the recorded log of Ubuntu 16 has the login that succeeded, not the one that failed") {
  LogReader reader(1 << 20);
  Batch batch;
  reader.feed(test::read_fixture("audit-ubuntu16.log"), batch);
  reader.end(batch);
  CHECK_EQUAL(reader.counters().lines, 3U);
  const auto records = unpack(batch);
  CHECK_EQUAL(records.size(), 2U);
  if (records.size() != 2) return;
  CHECK_EQUAL(records[1].pid, 11396);
  CHECK_EQUAL(records[1].words[0], 36U);
  CHECK_EQUAL(records[1].texts[0], "72.83.230.100");
  CHECK_EQUAL(records[1].texts[1], "/dev/pts/1");
  CHECK_EQUAL(reader.counters().malformed, 0U);
}

}  // namespace
}  // namespace process_ancestry::audit
