#include "../batch.h"

#include <cstring>

#include "../batch_queue.h"
#include "harness.h"
#include "samples.h"
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

TEST("an exit has exactly the bytes of its header and its fields") {
  Batch batch;
  ExitEvent exit;
  exit.status = 0x0a;
  exit.start_ms = 1.5;
  exit.sid = 0x0b;
  batch.add(Source::kProcEvents, 0x01020304, 1.5, exit);
  CHECK_EQUAL(bytes_of(batch),
              "28000000"
              "03"
              "01"
              "0000"
              "04030201"
              "000000000000f83f"
              "0a000000"
              "000000000000f83f"
              "0b000000"
              "ffffffff");
}

TEST("an exec without details is only a header, and details are read back unchanged") {
  Batch batch;
  batch.exec(Source::kProcEvents, 5, 2);
  CHECK_EQUAL(batch.size(), Batch::kHeaderBytes);
  ExecDetails details;
  details.serial = 1;
  details.args_cut = true;
  details.args = std::string_view("a\0b", 3);
  batch.exec(Source::kAudit, 6, 3, details);
  const auto records = unpack(batch);
  CHECK_EQUAL(records.size(), 2U);
  CHECK(!records[0].has_details);
  const Unpacked& exec = records[1];
  CHECK(exec.has_details);
  CHECK_EQUAL(exec.pid, 6);
  CHECK_EQUAL(exec.number("serial"), 1.0);
  CHECK_EQUAL(exec.number("uid"), double{kUnknown});
  CHECK(std::isnan(exec.number("btime")));
  CHECK(exec.flag("args_cut"));
  CHECK(!exec.flag("from_procfs"));
  CHECK_EQUAL(exec.text("args"), std::string_view("a\0b", 3));
}

TEST("every field of every kind is read back unchanged") {
  Batch batch;
  test::pack_samples(batch);
  const auto records = unpack(batch);
  CHECK_EQUAL(records.size(), 11U);
  CHECK_EQUAL(records[7].text("address"), "address \xc3\xa4");
  CHECK_EQUAL(records[8].text("environment"), "environment \xc3\xa4");
}

TEST("withdrawing details leaves an exec without details and does not change other records") {
  Batch batch;
  ExecDetails details;
  details.path = "/exe";
  batch.add(Source::kProcEvents, 1, 0, SetsidEvent());
  const size_t at = batch.size();
  batch.exec(Source::kProcEvents, 2, 0, details);
  batch.add(Source::kProcEvents, 3, 0, SetsidEvent());
  batch.withdraw_details(at);
  CHECK_EQUAL(batch.data()[at + 6], 0);
  size_t records = 0;
  for (size_t next = 0; next < batch.size(); next += record_size(batch.data() + next)) ++records;
  CHECK_EQUAL(records, 3U);
}

TEST("a taken chunk begins with the clock and has all batches since the last take") {
  BatchQueue queue(1000);
  Batch batch, taken;
  ExitEvent exit;
  exit.status = 256;
  batch.add(Source::kProcEvents, 5, 2, exit);
  CHECK(queue.push(batch, 10, 99));
  CHECK(!queue.push(batch, 11, 99));
  queue.take(taken);
  const auto records = unpack(taken);
  CHECK_EQUAL(records.size(), 3U);
  CHECK(records[0].kind == Kind::kClock);
  CHECK_EQUAL(records[0].time, 10.0);
  CHECK_EQUAL(records[0].number("offset"), 99.0);
  CHECK(records[1].kind == Kind::kExit);
  CHECK_EQUAL(records[1].number("status"), 256.0);
  CHECK_EQUAL(queue.bytes(), 0U);
}

TEST("the reader is woken once until it finds the queue empty") {
  BatchQueue queue(1000);
  Batch batch, taken;
  CHECK(!queue.push(batch, 0, 0));  // no records
  batch.add(Source::kProcEvents, 5, 2, SetsidEvent());
  CHECK(queue.push(batch, 0, 0));
  CHECK(!queue.push(batch, 0, 0));
  queue.take(taken);
  CHECK(!queue.push(batch, 0, 0));
  queue.take(taken);
  CHECK_EQUAL(queue.next_size(), 0U);
  CHECK(queue.push(batch, 0, 0));
}

TEST("a chunk exceeds its limit by at most one record and begins with the clock") {
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

TEST("a queue is full before it drops records") {
  BatchQueue queue(1000);
  Batch batch, taken;
  batch.add(Source::kProcEvents, 5, 2, SetsidEvent());
  while (!queue.is_full()) queue.push(batch, 0, 0);
  CHECK_EQUAL(queue.dropped(), 0U);
  queue.take(taken);
  CHECK(!queue.is_full());
}

TEST("a full queue drops new records, counts them and puts a loss record in their place") {
  BatchQueue queue(100);
  Batch batch, taken;
  for (int32_t pid = 1; pid <= 5; ++pid) batch.add(Source::kProcEvents, pid, 0, SetsidEvent());
  queue.push(batch, 0, 0);  // 28 bytes of clock, then three of five records
  queue.push(batch, 0, 0);
  CHECK_EQUAL(queue.dropped(), 7U);
  queue.take(taken);
  auto records = unpack(taken);
  CHECK_EQUAL(records.size(), 5U);
  CHECK_EQUAL(records[3].pid, 3);
  CHECK(records[4].kind == Kind::kLoss);
  CHECK(records[4].source == Source::kNone);
  CHECK_EQUAL(records[4].number("count"), 7.0);
  Batch small;
  small.add(Source::kProcEvents, 9, 0, SetsidEvent());
  queue.push(small, 0, 0);
  queue.take(taken);
  records = unpack(taken);
  CHECK_EQUAL(records.size(), 2U);
  CHECK_EQUAL(records[1].pid, 9);
}

TEST("a full queue keeps the end of a snapshot, after the loss record") {
  BatchQueue queue(100);
  Batch batch, taken;
  for (int32_t pid = 1; pid <= 5; ++pid) batch.add(Source::kEbpf, pid, 0, SetsidEvent());
  SnapshotEndEvent end;
  end.is_whole = true;
  batch.add(Source::kEbpf, 0, 0, end);
  queue.push(batch, 0, 0);
  CHECK_EQUAL(queue.dropped(), 2U);
  queue.take(taken);
  const auto records = unpack(taken);
  CHECK_EQUAL(records.size(), 6U);
  CHECK(records[4].kind == Kind::kLoss);
  CHECK_EQUAL(records[4].number("count"), 2.0);
  CHECK(records[5].kind == Kind::kSnapshotEnd);
  CHECK_EQUAL(queue.bytes(), 0U);
}

}  // namespace
}  // namespace process_ancestry
