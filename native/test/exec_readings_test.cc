#include "../sensors/audit_connector/exec_readings.h"

#include "harness.h"

namespace process_ancestry {
namespace {

ExecReading reading(double exec_ms, const char* args, uint64_t done_ns = 100) {
  ExecReading made;
  made.exec_ms = exec_ms;
  made.done_ns = done_ns;
  made.is_known = true;
  made.args = args;
  made.cwd = "/srv";
  made.details.args_count = 1;
  made.details.pgid = 7;
  made.details.sid = 5;
  return made;
}

TEST("a record gets the reading of its own exec, in the order of both") {
  ExecReadings readings;
  readings.add(10, reading(1000, "first"));
  readings.add(10, reading(1002, "second"));
  readings.add(11, reading(1001, "other"));
  CHECK_EQUAL(readings.take(10, 999)->args, "first");
  CHECK_EQUAL(readings.take(10, 1001)->args, "second");
  CHECK(!readings.take(10, 1003));
  CHECK_EQUAL(readings.take(11, 1001)->args, "other");
  CHECK(readings.empty());
  CHECK_EQUAL(readings.bytes(), 0U);
}

TEST("a reading whose record was lost is passed over, and none is taken for an earlier exec") {
  ExecReadings readings;
  readings.add(10, reading(1000, "lost"));
  readings.add(10, reading(2000, "told"));
  CHECK_EQUAL(readings.take(10, 1999)->args, "told");
  readings.add(10, reading(9000, "later"));
  CHECK(!readings.take(10, 7000));
}

TEST("what was read after the process had gone on is not known") {
  ExecReadings readings;
  readings.add(10, reading(1000, "first", 100));
  readings.went_on(10, 150);
  readings.add(10, reading(1001, "second", 300));
  readings.went_on(10, 200);
  CHECK(readings.take(10, 1000)->is_known);
  CHECK(!readings.take(10, 1001)->is_known);
}

TEST("an exec whose details were told and taken back is audit's to tell again") {
  ExecReadings readings;
  ExecReading told = reading(1000, "");
  told.is_told = true;
  readings.add(10, told);
  readings.went_on(10, 0);
  readings.taken_back(10);
  CHECK(!readings.take(10, 1000)->is_told);
}

TEST("readings without a record are forgotten after a while, and are bounded") {
  ExecReadings readings;
  readings.add(10, reading(1000, "old"));
  readings.add(10, reading(5000, "new"));
  readings.forget(4000);
  CHECK_EQUAL(readings.take(10, 5000)->args, "new");
  for (size_t i = 0; i < 3 * ExecReadings::kMost; ++i)
    readings.add(static_cast<int32_t>(i + 1), reading(1, ""));
  CHECK(readings.bytes() <= ExecReadings::kMost * 4);
}

TEST("an exec that was told makes no second row, though its reading had to be forgotten") {
  ExecReadings readings;
  ExecReading told = reading(20'000, "");
  told.is_told = true;
  for (size_t i = 0; i < 3 * ExecReadings::kMost; ++i) {
    readings.add(static_cast<int32_t>(i + 1), told);
    told.exec_ms += 1;
  }
  size_t doubled = 0;
  for (size_t i = 0; i < 3 * ExecReadings::kMost; ++i) {
    const auto taken = readings.take(static_cast<int32_t>(i + 1), 20'000 + static_cast<double>(i) - 3);
    if (!taken || !taken->is_told) ++doubled;
  }
  CHECK_EQUAL(doubled, 0U);
  // Those from before and after are audit's to tell.
  CHECK(!readings.take(9, 18'000));
  CHECK(!readings.take(9, 20'000 + 3.0 * ExecReadings::kMost));
  readings.forget(20'000 + 3.0 * ExecReadings::kMost);
  CHECK(!readings.take(9, 20'000));
}

TEST("what audit does not tell comes from the reading, and nothing else does") {
  const ExecReading read = reading(1000, "from proc");
  audit::AuditEvent event;
  event.exec.cwd = "/told";
  fill_gaps(event, {true, true, false, true}, &read);
  CHECK_EQUAL(event.exec.args, "from proc");
  CHECK_EQUAL(event.exec.args_count, 1U);
  CHECK(!event.exec.args_cut);
  CHECK_EQUAL(event.exec.cwd, "/told");
  CHECK_EQUAL(event.exec.pgid, 7U);
  CHECK_EQUAL(event.exec.mode, kUnknown);
}

TEST("arguments that could not be read are marked") {
  audit::AuditEvent event;
  fill_gaps(event, {true, false, false, true}, nullptr);
  CHECK(event.exec.args_cut);
  CHECK_EQUAL(event.exec.pgid, kUnknown);
  audit::AuditEvent told;
  told.has_execve = true;
  told.exec.args = "told";
  fill_gaps(told, {true, false, false, false}, nullptr);
  CHECK(!told.exec.args_cut);
  CHECK_EQUAL(told.exec.args, "told");
}

}  // namespace
}  // namespace process_ancestry
