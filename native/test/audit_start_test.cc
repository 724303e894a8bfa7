#include "../sensors/audit_connector/audit_start.h"

#include "harness.h"

namespace process_ancestry {
namespace {

TEST("audit may miss an exec that began before audit was on") {
  AuditStart start;
  start.began(100);
  CHECK(start.may_miss(10, 99));
  CHECK(!start.may_miss(10, 100));
}

TEST("audit may miss all execs of a process from before audit was on, but not after its pid is reused") {
  AuditStart start;
  start.began(100);
  start.forked(10, 99);
  start.forked(11, 100);
  CHECK(start.may_miss(10, 5000));
  CHECK(!start.may_miss(11, 5000));
  start.exited(10);
  CHECK(!start.may_miss(10, 7000));
  start.forked(12, 99);
  start.forked(12, 6000);
  CHECK(!start.may_miss(12, 7000));
}

}  // namespace
}  // namespace process_ancestry
