#include "../batch.h"

#include <cstring>

#include "../batch_queue.h"
#include "harness.h"
#include "unpack.h"

namespace process_ancestry {
namespace {

using test::unpack;
using test::Unpacked;

std::string bytes_of(const Batch& batch) {
  std::string hex;
  for (size_t i = 0; i < batch.size(); ++i) {
    char byte[3];
    snprintf(byte, sizeof byte, "%02x", batch.data()[i]);
    hex += byte;
  }
  return hex;
}

TEST("a fork is 28 bytes, byte for byte as documented") {
  Batch batch;
  batch.fork(Source::kProcEvents, 0x01020304, 1.5, 0x0a, 0x0b);
  CHECK_EQUAL(bytes_of(batch),
              "1c000000"
              "01"
              "01"
              "0000"
              "04030201"
              "000000000000f83f"
              "0a000000"
              "0b000000");
}

TEST("a fork whose number may be another namespace's says so, with the caller's parent") {
  Batch batch;
  batch.claimed_fork(Source::kAudit, 7, 1.5, 8, 0, 9);
  const auto records = unpack(batch);
  CHECK_EQUAL(records[0].flags, int{Batch::kClaimed});
  CHECK_EQUAL(records[0].words[2], 9U);
}

TEST("an exec without details is its header, and with details comes back as it went in") {
  Batch batch;
  batch.exec(Source::kProcEvents, 5, 2);
  CHECK_EQUAL(batch.size(), Batch::kHeaderBytes);
  ExecDetails details;
  details.serial = 1;
  details.ppid = 2;
  details.call = ExecCall::kExecveat;
  details.credentials.auid = 3;
  details.credentials.ses = 4;
  details.mode = 0100755;
  details.times.atime = 7;
  details.times.inode = 338944;
  details.pid_namespace = 4026531836;
  details.argc = 2;
  details.args_size = 3;
  details.args_cut = true;
  details.comm = "comm";
  details.exe = "/exe";
  details.cwd = "/cwd";
  details.tty = "";
  details.args = std::string_view("a\0b", 3);
  details.name = "name";
  details.sid = 11;
  details.tty_number = 34817;
  details.cgroup = "/a.slice";
  details.root = "/jail";
  batch.exec(Source::kAudit, 6, 3, details);
  const auto records = unpack(batch);
  CHECK_EQUAL(records.size(), 2U);
  const Unpacked& exec = records[1];
  CHECK_EQUAL(exec.flags, Batch::kHasDetails | Batch::kArgsCut);
  CHECK_EQUAL(exec.pid, 6);
  CHECK_EQUAL(exec.words[0], 1U);
  CHECK_EQUAL(exec.words[1], 2U);
  CHECK_EQUAL(exec.words[2], 2U);
  CHECK_EQUAL(exec.words[3], 3U);
  CHECK_EQUAL(exec.words[12], 4U);
  CHECK_EQUAL(exec.words[13], 0100755U);
  CHECK_EQUAL(exec.words[14], kUnknown);
  CHECK_EQUAL(exec.doubles[0], 7.0);
  CHECK(std::isnan(exec.doubles[3]));
  CHECK_EQUAL(exec.doubles[4], 338944.0);
  CHECK_EQUAL(exec.doubles[5], 4026531836.0);
  CHECK_EQUAL(exec.argc, 2U);
  CHECK_EQUAL(exec.args_size, 3U);
  CHECK_EQUAL(exec.texts[0], "comm");
  CHECK_EQUAL(exec.texts[1], "/exe");
  CHECK_EQUAL(exec.texts[2], "/cwd");
  CHECK_EQUAL(exec.texts[3], "");
  CHECK_EQUAL(exec.texts[4], std::string_view("a\0b", 3));
  CHECK_EQUAL(exec.texts[5], "name");
  CHECK_EQUAL(exec.words[16], 11U);
  CHECK_EQUAL(exec.words[17], kUnknown);
  CHECK_EQUAL(exec.words[18], 34817U);
  CHECK_EQUAL(exec.texts[6], "/a.slice");
  CHECK_EQUAL(exec.texts[7], "/jail");
}

TEST("a group and a login come back as they went in") {
  Batch batch;
  batch.setpgid(Source::kAudit, 1, {5, 4, 9}, 77);
  batch.login(Source::kAudit, 6, 2, {3, "::1", "ssh", "/sshd"});
  const auto records = unpack(batch);
  CHECK_EQUAL(records.size(), 2U);
  CHECK_EQUAL(records[0].pid, 5);
  CHECK_EQUAL(records[0].words[0], 4U);
  CHECK_EQUAL(records[0].words[1], 77U);
  CHECK_EQUAL(records[0].words[2], 9U);
  CHECK_EQUAL(records[1].pid, 6);
  CHECK_EQUAL(records[1].words[0], 3U);
  CHECK_EQUAL(records[1].texts[0], "::1");
  CHECK_EQUAL(records[1].texts[1], "ssh");
  CHECK_EQUAL(records[1].texts[2], "/sshd");
}

TEST("details that are withdrawn leave an exec without details, and the records around it whole") {
  Batch batch;
  ExecDetails details;
  details.exe = "/exe";
  batch.setsid(Source::kProcEvents, 1, 0);
  const size_t at = batch.size();
  batch.exec(Source::kProcEvents, 2, 0, details);
  batch.setsid(Source::kProcEvents, 3, 0);
  batch.withdraw_details(at);
  CHECK_EQUAL(batch.data()[at + 6], 0);
  size_t records = 0;
  for (size_t next = 0; next < batch.size(); next += record_size(batch.data() + next)) ++records;
  CHECK_EQUAL(records, 3U);
}

TEST("what the reader takes begins with the clock and holds all batches since") {
  BatchQueue queue(1000);
  Batch batch, taken;
  batch.exit(Source::kProcEvents, 5, 2, 256);
  CHECK(queue.push(batch, 10, 99));
  CHECK(!queue.push(batch, 11, 99));
  queue.take(taken);
  const auto records = unpack(taken);
  CHECK_EQUAL(records.size(), 3U);
  CHECK(records[0].kind == Kind::kClock);
  CHECK_EQUAL(records[0].time, 10.0);
  CHECK_EQUAL(records[0].doubles[0], 99.0);
  CHECK(records[1].kind == Kind::kExit);
  CHECK_EQUAL(records[1].words[0], 256U);
  CHECK_EQUAL(queue.bytes(), 0U);
}

TEST("the reader is woken once until it has found nothing more") {
  BatchQueue queue(1000);
  Batch batch, taken;
  CHECK(!queue.push(batch, 0, 0));  // nothing to tell
  batch.setsid(Source::kProcEvents, 5, 2);
  CHECK(queue.push(batch, 0, 0));
  CHECK(!queue.push(batch, 0, 0));
  queue.take(taken);
  CHECK(!queue.push(batch, 0, 0));
  queue.take(taken);
  CHECK_EQUAL(queue.next_size(), 0U);
  CHECK(queue.push(batch, 0, 0));
}

TEST("a chunk is no larger than its bound and one record, and each begins with the clock") {
  BatchQueue queue(size_t{4} << 20);
  Batch batch, taken;
  const std::string args(100 << 10, 'x');
  ExecDetails details;
  details.args = args;
  for (int32_t pid = 1; pid <= 10; ++pid) batch.exec(Source::kAudit, pid, 0, details);
  queue.push(batch, 0, 7);
  int32_t pid = 0;
  while (queue.next_size() > 0) {
    CHECK(queue.next_size() <= BatchQueue::kChunkBytes + args.size() + 1000);
    queue.take(taken);
    const auto records = unpack(taken);
    CHECK(records[0].kind == Kind::kClock);
    for (size_t i = 1; i < records.size(); ++i) CHECK_EQUAL(records[i].pid, ++pid);
  }
  CHECK_EQUAL(pid, 10);
  CHECK_EQUAL(queue.bytes(), 0U);
}

TEST("a queue is full before it drops anything") {
  BatchQueue queue(1000);
  Batch batch, taken;
  batch.setsid(Source::kProcEvents, 5, 2);
  while (!queue.is_full()) queue.push(batch, 0, 0);
  CHECK_EQUAL(queue.dropped(), 0U);
  queue.take(taken);
  CHECK(!queue.is_full());
}

TEST("a full queue drops what comes, counts it, and says how much in its place") {
  BatchQueue queue(100);
  Batch batch, taken;
  for (int32_t pid = 1; pid <= 5; ++pid) batch.setsid(Source::kProcEvents, pid, 0);
  queue.push(batch, 0, 0);  // 28 bytes of clock, and three of five records
  queue.push(batch, 0, 0);
  CHECK_EQUAL(queue.dropped(), 7U);
  queue.take(taken);
  auto records = unpack(taken);
  CHECK_EQUAL(records.size(), 5U);
  CHECK_EQUAL(records[3].pid, 3);
  CHECK(records[4].kind == Kind::kLoss);
  CHECK(records[4].source == Source::kNone);
  CHECK_EQUAL(records[4].words[0], 7U);
  Batch small;
  small.setsid(Source::kProcEvents, 9, 0);
  queue.push(small, 0, 0);
  queue.take(taken);
  records = unpack(taken);
  CHECK_EQUAL(records.size(), 2U);
  CHECK_EQUAL(records[1].pid, 9);
}

}  // namespace
}  // namespace process_ancestry
