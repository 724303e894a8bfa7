#include "thread_groups.h"

namespace process_ancestry::connector {

void ThreadGroups::seed(int32_t tgid, bool leader_lives, const int32_t* tids, size_t count) {
  forget(tgid);
  for (size_t i = 0; i < count; ++i) thread_started(tgid, tids[i]);
  Group* group = groups_.find(tgid);
  if (group != nullptr && !leader_lives) group->leader = Leader::kZombieWhenSeeded;
}

void ThreadGroups::thread_started(int32_t tgid, int32_t tid) {
  if (tid <= 0 || tgid <= 0 || tid == tgid) return;
  const Thread* known = threads_.find(tid);
  if (known != nullptr) {
    if (known->tgid == tgid) return;
    unlink(tid);  // its exit was lost, and another process has reused its number
  }
  Group& group = groups_.at(tgid);
  if (group.first != 0) threads_.find(group.first)->previous = tid;
  threads_.at(tid) = {tgid, 0, group.first};
  group.first = tid;
  ++group.count;
}

void ThreadGroups::process_started(int32_t tgid) {
  forget(tgid);
  unlink(tgid);
}

void ThreadGroups::exec(int32_t tgid) { forget(tgid); }

bool ThreadGroups::exited(int32_t tgid, int32_t tid) {
  Group* group = groups_.find(tgid);
  if (group == nullptr) return tid == tgid;
  if (tid == tgid) {
    switch (group->leader) {
      case Leader::kZombieWhenSeeded:
      case Leader::kLives:
        group->leader = Leader::kExited;
        return false;
      case Leader::kExited:  // a thread that took over the leader's pid, and whose exec then failed
        forget(tgid);
        return true;
    }
  }
  const Thread* thread = threads_.find(tid);
  if (thread == nullptr || thread->tgid != tgid) return false;
  const bool leader_lives = group->leader == Leader::kLives;
  const bool last = group->count == 1;
  unlink(tid);
  return last && !leader_lives;
}

void ThreadGroups::clear() {
  threads_.clear();
  groups_.clear();
}

void ThreadGroups::unlink(int32_t tid) {
  const Thread* found = threads_.find(tid);
  if (found == nullptr) return;
  const Thread thread = *found;
  threads_.erase(tid);
  if (thread.previous != 0) threads_.find(thread.previous)->next = thread.next;
  if (thread.next != 0) threads_.find(thread.next)->previous = thread.previous;
  Group* group = groups_.find(thread.tgid);
  if (thread.previous == 0) group->first = thread.next;
  if (--group->count == 0) groups_.erase(thread.tgid);
}

void ThreadGroups::forget(int32_t tgid) {
  const Group* group = groups_.find(tgid);
  if (group == nullptr) return;
  for (int32_t tid = group->first; tid != 0;) {
    const int32_t next = threads_.find(tid)->next;
    threads_.erase(tid);
    tid = next;
  }
  groups_.erase(tgid);
}

}  // namespace process_ancestry::connector
