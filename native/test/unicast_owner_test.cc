#include "../sensors/audit/unicast_owner.h"

#include "harness.h"

namespace process_ancestry::audit {
namespace {

constexpr uint32_t kOurs = 100, kOther = 200, kAnother = 300;
constexpr double kGraceMs = 30000, kSecondMs = 1000;

// The state of audit in the kernel, second by second.
struct Host {
  UnicastOwnerWatch watch{kGraceMs};
  Mode mode = Mode::kMulticast;
  Status status;
  bool owner_lives = true;
  double now_ms = 0;

  explicit Host(Mode mode, uint32_t owner) : mode(mode) {
    status.enabled = 1;
    status.pid = owner;
  }
  Step second() {
    now_ms += kSecondMs;
    return watch.each_second(mode, status, owner_lives, kOurs, now_ms);
  }
  // How many seconds it waits until the first step, which is `then`.
  int seconds_of_patience(Step& then) {
    int seconds = 0;
    while ((then = second()) == Step::kStay && seconds < 1000) ++seconds;
    return seconds;
  }
};

TEST("unicast that we own stays ours") {
  Host host(Mode::kUnicast, kOurs);
  for (int i = 0; i < 100; ++i) CHECK(host.second() == Step::kStay);
}

TEST("unicast is never requested while a live process owns it") {
  Host host(Mode::kMulticast, kOther);
  for (int i = 0; i < 100; ++i) CHECK(host.second() == Step::kStay);
}

TEST("unicast stays free for the grace time after its owner left, and is then taken") {
  Host host(Mode::kMulticast, kOther);
  CHECK(host.second() == Step::kStay);
  host.status.pid = 0;
  CHECK(host.second() == Step::kOwnerLeft);
  Step then;
  CHECK_EQUAL(host.seconds_of_patience(then), 29);
  CHECK(then == Step::kBecomeOwner);
}

TEST("a dead owner has left") {
  Host host(Mode::kMulticast, kOther);
  CHECK(host.second() == Step::kStay);
  host.owner_lives = false;
  CHECK(host.second() == Step::kOwnerLeft);
  CHECK(host.second() == Step::kStay);
}

TEST("an owner that returns within the grace time keeps unicast, and gets the whole grace time again") {
  Host host(Mode::kMulticast, 0);
  CHECK(host.second() == Step::kOwnerLeft);
  for (int i = 0; i < 20; ++i) CHECK(host.second() == Step::kStay);
  host.status.pid = kAnother;
  CHECK(host.second() == Step::kOwnerCame);
  for (int i = 0; i < 20; ++i) CHECK(host.second() == Step::kStay);
  host.status.pid = 0;
  CHECK(host.second() == Step::kOwnerLeft);
  Step then;
  CHECK_EQUAL(host.seconds_of_patience(then), 29);
  CHECK(then == Step::kBecomeOwner);
}

TEST("released unicast is taken back if no other process took it") {
  Host host(Mode::kUnicast, kOurs);
  CHECK(host.second() == Step::kStay);
  host.watch.given_up(host.now_ms);
  host.mode = Mode::kMulticast;
  host.status.pid = 0;
  Step then;
  CHECK_EQUAL(host.seconds_of_patience(then), 29);
  CHECK(then == Step::kBecomeOwner);
}

TEST("released unicast belongs to the process that takes it") {
  Host host(Mode::kUnicast, kOurs);
  host.watch.given_up(host.now_ms);
  host.mode = Mode::kMulticast;
  host.status.pid = kOther;
  CHECK(host.second() == Step::kOwnerCame);
  CHECK(host.second() == Step::kStay);
}

TEST("after another process took free unicast first, we wait again and do not ask at once") {
  Host host(Mode::kMulticast, 0);
  Step then;
  CHECK(host.second() == Step::kOwnerLeft);
  host.seconds_of_patience(then);
  CHECK(then == Step::kBecomeOwner);
  host.watch.missed();
  // The other instance stepped down after our request.
  CHECK(host.second() == Step::kOwnerLeft);
  CHECK_EQUAL(host.seconds_of_patience(then), 29);
}

TEST("unicast that the kernel took from a slow reader is taken back at once, unless another process has it") {
  Host host(Mode::kUnicast, 0);
  CHECK(host.second() == Step::kBecomeOwner);
  host.status.pid = kOther;
  CHECK(host.second() == Step::kFallBack);
  host.owner_lives = false;
  CHECK(host.second() == Step::kBecomeOwner);
}

TEST("without audit or with a locked configuration nothing is taken") {
  Host off(Mode::kOff, 0), locked(Mode::kMulticast, 0);
  locked.status.enabled = 2;
  for (int i = 0; i < 100; ++i) {
    CHECK(off.second() == Step::kStay);
    CHECK(locked.second() == Step::kStay);
  }
}

TEST("only the owner gives way, and not to itself") {
  CHECK(UnicastOwnerWatch::gives_way(Mode::kUnicast, kOther, kOurs));
  CHECK(!UnicastOwnerWatch::gives_way(Mode::kUnicast, kOurs, kOurs));
  CHECK(!UnicastOwnerWatch::gives_way(Mode::kMulticast, kOther, kOurs));
}

TEST("without a handover every record is read, by unicast or multicast") {
  Handover handover;
  CHECK(handover.reads(false, "one"));
  CHECK(handover.reads(true, "two"));
  CHECK(!handover.underway());
}

TEST("records that the kernel kept are not read again, and no new record is skipped") {
  Handover handover;
  handover.begin();
  CHECK(!handover.reads(false, "held back 1"));
  CHECK(handover.reads(true, "new 1"));  // by multicast only: kauditd did not know of us yet
  CHECK(!handover.reads(false, "held back 2"));
  CHECK(handover.reads(true, "new 2"));
  CHECK(handover.underway());
  CHECK(handover.reads(false, "new 2"));
  CHECK(!handover.underway());
  CHECK(handover.reads(false, "new 3"));
}

TEST("a new handover does not remember the last one") {
  Handover handover;
  handover.begin();
  CHECK(handover.reads(true, "one"));
  handover.cancel();
  CHECK(handover.reads(false, "two"));
  handover.begin();
  CHECK(!handover.reads(false, "one"));
}

}  // namespace
}  // namespace process_ancestry::audit
