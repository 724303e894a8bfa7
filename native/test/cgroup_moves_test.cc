#include "../sensors/audit_connector/cgroup_moves.h"

#include "harness.h"

namespace process_ancestry {
namespace {

constexpr double kNow = 100'000;

TEST("who wrote, and whom it may have moved, is in an unknown control group") {
  const procfs::ProcDir proc;
  CgroupMoves moves(proc);
  moves.watches_all();
  CHECK(!moves.may_have_moved(11, 10, kNow));
  moves.wrote(10, kNow);
  CHECK(moves.may_have_moved(10, 1, kNow));
  CHECK(moves.may_have_moved(11, 10, kNow));
  CHECK(!moves.may_have_moved(12, 11, kNow));
}

TEST("a writer whose own group was read moves others for a while only, pid 1 for ever") {
  const procfs::ProcDir proc;
  CgroupMoves moves(proc);
  moves.watches_all();
  for (const int32_t writer : {1, 10}) {
    moves.wrote(writer, kNow);
    moves.was_read(writer);
  }
  CHECK(!moves.may_have_moved(10, 5, kNow));
  CHECK(moves.may_have_moved(11, 10, kNow));
  CHECK(!moves.may_have_moved(11, 10, kNow + CgroupMoves::kMoverMs));
  CHECK(moves.may_have_moved(11, 1, kNow + CgroupMoves::kMoverMs));
}

TEST("a process that is found in the group of a move has that group, and moved no other") {
  const procfs::ProcDir proc;
  CgroupMoves moves(proc);
  moves.watches_all();
  moves.wrote(10, kNow);
  moves.is_in_target(10, "/docker/1");
  CHECK_EQUAL(moves.moved_to(10), "/docker/1");
  CHECK_EQUAL(moves.moved_to(11), "");
  moves.was_read(10);
  CHECK_EQUAL(moves.moved_to(10), "");
  CHECK(!moves.may_have_moved(11, 10, kNow));
}

TEST("a pid that is used again has not moved") {
  const procfs::ProcDir proc;
  CgroupMoves moves(proc);
  moves.watches_all();
  moves.wrote(10, kNow);
  moves.forked(10);
  CHECK(!moves.may_have_moved(10, 5, kNow));
}

TEST("where writes are not told, or some were missed, everybody may have moved") {
  const procfs::ProcDir proc;
  CgroupMoves moves(proc);
  CHECK(moves.may_have_moved(10, 5, kNow));
  moves.watches_all();
  moves.missed_some(kNow);
  CHECK(moves.may_have_moved(10, 5, kNow));
  CHECK(!moves.may_have_moved(10, 5, kNow + CgroupMoves::kMoverMs));
}

}  // namespace
}  // namespace process_ancestry
