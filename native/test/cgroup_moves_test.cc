#include "../sensors/audit_connector/cgroup_moves.h"

#include "harness.h"

namespace process_ancestry {
namespace {

constexpr double kNow = 100'000;

TEST("a writer, and processes that it may have moved, are in an unknown control group") {
  const procfs::ProcDir proc;
  CgroupMoves moves(proc);
  moves.watches_all();
  CHECK(!moves.may_have_moved(11, 10, kNow));
  moves.wrote(10, kNow);
  CHECK(moves.may_have_moved(10, 1, kNow));
  CHECK(moves.may_have_moved(11, 10, kNow));
  CHECK(!moves.may_have_moved(12, 11, kNow));
}

TEST("a writer whose own group was read may move others for a limited time, pid 1 always") {
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

TEST("a process found in the target of a move has that group and moved no other process") {
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

TEST("a reused pid has not moved") {
  const procfs::ProcDir proc;
  CgroupMoves moves(proc);
  moves.watches_all();
  moves.wrote(10, kNow);
  moves.forked(10, 5);
  CHECK(!moves.may_have_moved(10, 5, kNow));
}

TEST("descendants of a moved process are in an unknown control group") {
  const procfs::ProcDir proc;
  CgroupMoves moves(proc);
  moves.watches_all();
  moves.is_in_target(10, "/docker/1");
  moves.forked(11, 10);
  moves.forked(12, 11);
  CHECK_EQUAL(moves.moved_to(11), "");
  CHECK(moves.may_have_moved(12, 11, kNow));
  moves.was_read(10);
  moves.forked(13, 10);
  CHECK(!moves.may_have_moved(13, 10, kNow));
  CHECK(moves.may_have_moved(12, 11, kNow));
}

TEST("a move reported after later forks also applies to the children") {
  const procfs::ProcDir proc;
  CgroupMoves moves(proc);
  moves.watches_all();
  moves.forked(11, 10);
  moves.forked(12, 11);
  moves.wrote(10, kNow);
  moves.drain(kNow);
  CHECK(moves.may_have_moved(12, 11, kNow));
}

TEST("if writes are not reported or were missed, any process may have moved until its group is read") {
  const procfs::ProcDir proc;
  CgroupMoves moves(proc);
  CHECK(moves.may_have_moved(10, 5, kNow));
  moves.watches_all();
  moves.missed_some(kNow);
  CHECK(moves.may_have_moved(10, 5, kNow));
  constexpr double kLater = kNow + CgroupMoves::kMoverMs;
  CHECK(moves.may_have_moved(10, 5, kLater));
  moves.was_read(5);
  moves.was_read(10);
  CHECK(!moves.may_have_moved(10, 5, kLater));
  moves.forked(11, 5);
  CHECK(!moves.may_have_moved(11, 5, kLater));
}

TEST("no move is forgotten, but its target may become unknown") {
  const procfs::ProcDir proc;
  CgroupMoves moves(proc);
  moves.watches_all();
  constexpr int32_t kMany = 200'000;
  for (int32_t pid = 10; pid < kMany; ++pid) moves.is_in_target(pid, "/docker/1");
  size_t told = 0, wrong = 0;
  for (int32_t pid = 10; pid < kMany; ++pid) {
    const std::string_view cgroup = moves.moved_to(pid);
    told += cgroup.empty() ? 0 : 1;
    wrong += cgroup.empty() && !moves.may_have_moved(pid, 5, kNow) ? 1 : 0;
  }
  CHECK_EQUAL(wrong, 0U);
  CHECK(told < 20'000);
}

TEST("forgotten writers may still move their children") {
  const procfs::ProcDir proc;
  CgroupMoves moves(proc);
  moves.watches_all();
  for (int32_t writer = 10; writer < 100'000; ++writer) {
    moves.wrote(writer, kNow);
    moves.was_read(writer);
  }
  CHECK(moves.may_have_moved(200'000, 10, kNow));
  CHECK(!moves.may_have_moved(200'000, 10, kNow + CgroupMoves::kMoverMs));
}

}  // namespace
}  // namespace process_ancestry
