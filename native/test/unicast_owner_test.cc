#include "../sensors/audit/unicast_owner.h"

#include "harness.h"

namespace process_ancestry::audit {
namespace {

constexpr uint32_t kOurs = 100, kOther = 200, kAnother = 300;
constexpr double kGraceMs = 30000, kSecondMs = 1000;

// Audit as the kernel says it is, second by second.
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
  // How many seconds it stays, until there is something to do.
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

TEST("beside an owner that lives unicast is never asked for") {
  Host host(Mode::kMulticast, kOther);
  for (int i = 0; i < 100; ++i) CHECK(host.second() == Step::kStay);
}

TEST("unicast that its owner left is left free for the time of grace, and taken then") {
  Host host(Mode::kMulticast, kOther);
  CHECK(host.second() == Step::kStay);
  host.status.pid = 0;
  CHECK(host.second() == Step::kOwnerLeft);
  Step then;
  CHECK_EQUAL(host.seconds_of_patience(then), 29);
  CHECK(then == Step::kBecomeOwner);
}

TEST("an owner that died has left") {
  Host host(Mode::kMulticast, kOther);
  CHECK(host.second() == Step::kStay);
  host.owner_lives = false;
  CHECK(host.second() == Step::kOwnerLeft);
  CHECK(host.second() == Step::kStay);
}

TEST("an owner that comes back in time owns unicast, and all the time again when it goes again") {
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

TEST("unicast that was given up is taken back when no other process took it") {
  Host host(Mode::kUnicast, kOurs);
  CHECK(host.second() == Step::kStay);
  host.watch.given_up(host.now_ms);
  host.mode = Mode::kMulticast;
  host.status.pid = 0;
  Step then;
  CHECK_EQUAL(host.seconds_of_patience(then), 29);
  CHECK(then == Step::kBecomeOwner);
}

TEST("unicast that was given up belongs to the process that takes it") {
  Host host(Mode::kUnicast, kOurs);
  host.watch.given_up(host.now_ms);
  host.mode = Mode::kMulticast;
  host.status.pid = kOther;
  CHECK(host.second() == Step::kOwnerCame);
  CHECK(host.second() == Step::kStay);
}

TEST("who was too late for free unicast waits anew rather than asks again") {
  Host host(Mode::kMulticast, 0);
  Step then;
  CHECK(host.second() == Step::kOwnerLeft);
  host.seconds_of_patience(then);
  CHECK(then == Step::kBecomeOwner);
  host.watch.missed();
  // The other one of us steps down, since it was asked.
  CHECK(host.second() == Step::kOwnerLeft);
  CHECK_EQUAL(host.seconds_of_patience(then), 29);
}

TEST("unicast that the kernel took from a slow reader is taken again at once, unless another has it") {
  Host host(Mode::kUnicast, 0);
  CHECK(host.second() == Step::kBecomeOwner);
  host.status.pid = kOther;
  CHECK(host.second() == Step::kFallBack);
  host.owner_lives = false;
  CHECK(host.second() == Step::kBecomeOwner);
}

TEST("without audit, or with a locked configuration, nothing is taken") {
  Host off(Mode::kOff, 0), locked(Mode::kMulticast, 0);
  locked.status.enabled = 2;
  for (int i = 0; i < 100; ++i) {
    CHECK(off.second() == Step::kStay);
    CHECK(locked.second() == Step::kStay);
  }
}

TEST("only the holder gives way, and not to itself") {
  CHECK(UnicastOwnerWatch::gives_way(Mode::kUnicast, kOther, kOurs));
  CHECK(!UnicastOwnerWatch::gives_way(Mode::kUnicast, kOurs, kOurs));
  CHECK(!UnicastOwnerWatch::gives_way(Mode::kMulticast, kOther, kOurs));
}

TEST("without a handover every record is read, whichever way it comes") {
  Handover handover;
  CHECK(handover.reads(false, "one"));
  CHECK(handover.reads(true, "two"));
  CHECK(!handover.underway());
}

TEST("what the kernel had held back is not read again, and nothing that is new is passed over") {
  Handover handover;
  handover.begin();
  CHECK(!handover.reads(false, "held back 1"));
  CHECK(handover.reads(true, "new 1"));  // by multicast alone: kauditd did not know of us yet
  CHECK(!handover.reads(false, "held back 2"));
  CHECK(handover.reads(true, "new 2"));
  CHECK(handover.underway());
  CHECK(handover.reads(false, "new 2"));
  CHECK(!handover.underway());
  CHECK(handover.reads(false, "new 3"));
}

TEST("a handover that is begun again has forgotten the last one") {
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
