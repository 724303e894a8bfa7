#include "../sensors/connector/thread_groups.h"

#include <map>
#include <random>

#include "harness.h"

namespace process_ancestry::connector {
namespace {

TEST("a process with one thread exits with it and is never in the table") {
  ThreadGroups groups;
  groups.process_started(10);
  CHECK_EQUAL(groups.groups(), 0U);
  CHECK(groups.exited(10, 10));
}

TEST("a thread's exit is not the exit of its process") {
  ThreadGroups groups;
  groups.process_started(10);
  groups.thread_started(10, 11);
  CHECK(!groups.exited(10, 11));
  CHECK_EQUAL(groups.groups(), 0U);
  CHECK(groups.exited(10, 10));
}

TEST("if the leader exits first, the process lives until the last thread exits") {
  ThreadGroups groups;
  groups.thread_started(10, 11);
  groups.thread_started(10, 12);
  CHECK(!groups.exited(10, 10));
  CHECK(!groups.exited(10, 12));
  CHECK(groups.exited(10, 11));
  CHECK_EQUAL(groups.threads(), 0U);
}

TEST("after an exec by another thread only the leader is left, and the process has not exited") {
  ThreadGroups groups;
  groups.thread_started(10, 11);
  groups.thread_started(10, 12);
  CHECK(!groups.exited(10, 12));
  CHECK(!groups.exited(10, 10));
  groups.exec(10);
  CHECK_EQUAL(groups.threads(), 0U);
  CHECK(groups.exited(10, 10));
}

TEST("an exec that fails after its thread took over the leader's pid ends the process once") {
  ThreadGroups groups;
  groups.thread_started(10, 11);
  CHECK(!groups.exited(10, 10));
  CHECK(groups.exited(10, 10));
  CHECK_EQUAL(groups.threads(), 0U);
}

TEST("a thread reported twice counts once") {
  ThreadGroups groups;
  const int32_t tids[] = {11};
  groups.seed(10, true, tids, 1);
  groups.thread_started(10, 11);
  CHECK_EQUAL(groups.threads(), 1U);
  CHECK(!groups.exited(10, 11));
  CHECK(!groups.exited(10, 11));
  CHECK(groups.exited(10, 10));
}

TEST("the exit of a leader that was a zombie at the start may still come, and the process lives on") {
  ThreadGroups groups;
  const int32_t tids[] = {11};
  groups.seed(10, false, tids, 1);
  CHECK(!groups.exited(10, 10));
  CHECK(groups.exited(10, 11));
}

TEST("the exit of a leader that was a zombie at the start may never come") {
  ThreadGroups groups;
  const int32_t tids[] = {11, 12};
  groups.seed(10, false, tids, 2);
  CHECK(!groups.exited(10, 12));
  CHECK(groups.exited(10, 11));
}

TEST("a reused pid is a new process or thread") {
  ThreadGroups groups;
  groups.thread_started(10, 11);
  groups.process_started(10);
  CHECK(groups.exited(10, 10));
  groups.thread_started(20, 21);
  groups.process_started(21);  // the exit of thread 21 was lost
  CHECK(groups.exited(20, 20));
  groups.thread_started(30, 31);
  groups.thread_started(40, 31);  // the exit of thread 31 was lost
  CHECK(groups.exited(30, 30));
  CHECK(!groups.exited(40, 40));
  CHECK(groups.exited(40, 31));
}

TEST("the exit of an unknown thread changes nothing") {
  ThreadGroups groups;
  CHECK(!groups.exited(10, 11));
  groups.thread_started(10, 12);
  CHECK(!groups.exited(10, 11));
  CHECK(!groups.exited(20, 12));
  CHECK_EQUAL(groups.threads(), 1U);
}

TEST("ten thousand threads of a process may exit in any order") {
  ThreadGroups groups;
  constexpr int32_t kThreads = 10000;
  for (int32_t tid = 2; tid <= kThreads; ++tid) groups.thread_started(1, tid);
  CHECK_EQUAL(groups.threads(), static_cast<size_t>(kThreads - 1));
  CHECK(!groups.exited(1, 1));
  for (int32_t tid = 2; tid < kThreads; tid += 2) CHECK(!groups.exited(1, tid));
  for (int32_t tid = kThreads - 1; tid > 2; tid -= 2) CHECK(!groups.exited(1, tid));
  CHECK(groups.exited(1, kThreads));
  CHECK_EQUAL(groups.threads(), 0U);
}

TEST("the pid table agrees with a map after any inserts and erases") {
  PidTable<int32_t> table;
  std::map<int32_t, int32_t> expected;
  std::mt19937 random(1);
  for (int i = 0; i < 200000; ++i) {
    const auto pid = static_cast<int32_t>(1 + random() % 700);
    if (random() % 2 == 0) {
      table.at(pid) = i;
      expected[pid] = i;
    } else {
      table.erase(pid);
      expected.erase(pid);
    }
    const auto probe = static_cast<int32_t>(1 + random() % 700);
    const int32_t* found = table.find(probe);
    CHECK_EQUAL(found != nullptr, expected.count(probe) == 1);
    if (found != nullptr) CHECK_EQUAL(*found, expected[probe]);
  }
  CHECK_EQUAL(table.size(), expected.size());
}

}  // namespace
}  // namespace process_ancestry::connector
