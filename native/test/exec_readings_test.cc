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

TEST("records and readings are matched in order") {
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

TEST("a reading without its record is skipped, and is not used for an earlier exec") {
  ExecReadings readings;
  readings.add(10, reading(1000, "lost"));
  readings.add(10, reading(2000, "told"));
  CHECK_EQUAL(readings.take(10, 1999)->args, "told");
  readings.add(10, reading(9000, "later"));
  CHECK(!readings.take(10, 7000));
}

TEST("a reading after the next exec or the exit is unknown") {
  ExecReadings readings;
  readings.add(10, reading(1000, "first", 100));
  readings.went_on(10, 150);
  readings.add(10, reading(1001, "second", 300));
  readings.went_on(10, 200);
  CHECK(readings.take(10, 1000)->is_known);
  CHECK(!readings.take(10, 1001)->is_known);
}

TEST("audit reports an exec again after its details were withdrawn") {
  ExecReadings readings;
  ExecReading told = reading(1000, "");
  told.is_told = true;
  readings.add(10, told);
  readings.went_on(10, 0);
  readings.taken_back(10);
  CHECK(!readings.take(10, 1000)->is_told);
}

TEST("readings without a record are forgotten after a while, and their number is limited") {
  ExecReadings readings;
  readings.add(10, reading(1000, "old"));
  readings.add(10, reading(5000, "new"));
  readings.forget(4000);
  CHECK_EQUAL(readings.take(10, 5000)->args, "new");
  for (size_t i = 0; i < 3 * ExecReadings::kMost; ++i)
    readings.add(static_cast<int32_t>(i + 1), reading(1, ""));
  CHECK(readings.bytes() <= ExecReadings::kMost * 4);
}

TEST("a reported exec makes no second row, even if its reading was forgotten") {
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
  // Execs outside that time range are reported by audit.
  CHECK(!readings.take(9, 18'000));
  CHECK(!readings.take(9, 20'000 + 3.0 * ExecReadings::kMost));
  readings.forget(20'000 + 3.0 * ExecReadings::kMost);
  CHECK(!readings.take(9, 20'000));
}

TEST("only the parts that audit does not report come from the reading") {
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

TEST("unreadable arguments are marked") {
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
