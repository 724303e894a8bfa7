#include "collector.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "clocks.h"

namespace process_ancestry {
namespace {

constexpr double kSecondMs = 1000;
// The reader is woken at once when this much waits.
constexpr size_t kWorthWakingBytes = 64 << 10;

void raise_event(int fd) {
  const uint64_t one = 1;
  // This write to an eventfd never blocks: its counter is far from full.
  if (::write(fd, &one, sizeof one) != sizeof one) return;
}

}  // namespace

Collector::Collector(Sensors sensors, size_t queue_max_bytes, std::function<void(bool)> wake)
    : wake_(std::move(wake)), queue_(queue_max_bytes), sensors_(std::move(sensors)), sink_(*this) {}

bool Collector::start(std::vector<Problem>& problems) {
  if (!sensors_.front()->open(problems)) return false;
  for (size_t i = 1; i < sensors_.size(); ++i) sensors_[i]->open(problems);
  publish();
  stop_event_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  ask_event_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  // The main thread handles signals.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const bool has_events = stop_event_ && ask_event_;
  const int error = has_events ? pthread_create(&thread_, nullptr, &Collector::thread_main, this) : errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) {
    problems.push_back({"collector_start_failed", std::string("no thread: ") + std::strerror(error)});
    for (const auto& sensor : sensors_) sensor->close();
    publish();
    return false;
  }
  running_ = true;
  return true;
}

void Collector::stop() {
  if (!running_) return;
  running_ = false;
  raise_event(stop_event_.get());
  pthread_join(thread_, nullptr);
  for (const auto& sensor : sensors_) sensor->close();
  publish();
}

void* Collector::thread_main(void* collector) {
  pthread_setname_np(pthread_self(), "ancestry");
  static_cast<Collector*>(collector)->run();
  return nullptr;
}

bool Collector::wait(double until_ms) {
  std::vector<int> fds = {stop_event_.get(), ask_event_.get()};
  for (const auto& sensor : sensors_) sensor->descriptors(fds);
  std::vector<pollfd> ready;
  for (const int fd : fds) ready.push_back({fd, POLLIN, 0});
  const double left = until_ms - monotonic_ms();
  const int timeout = std::max(0, static_cast<int>(std::ceil(left)));
  for (const auto& sensor : sensors_) sensor->rest(Rest::kIdle);
  ::poll(ready.data(), ready.size(), timeout);
  for (const auto& sensor : sensors_) sensor->rest(Rest::kAwake);
  uint64_t asked;
  if ((ready[1].revents & POLLIN) != 0 && ::read(ask_event_.get(), &asked, sizeof asked) < 0) return true;
  return (ready[0].revents & POLLIN) == 0;
}

void Collector::run() {
  for (const auto& sensor : sensors_) sensor->begin();
  double next_second = monotonic_ms() + kSecondMs;
  for (bool go_on = true, has_more = false; go_on;) {
    go_on = wait(has_more ? 0 : std::min(next_second, wake_due_ms_));
    int nap_ms = 0;
    {
      const std::lock_guard<std::mutex> lock(pass_mutex_);
      const double now = monotonic_ms();
      if (now >= next_second || !go_on) {
        for (const auto& sensor : sensors_) sensor->tick(sink_, now);
        next_second = now + kSecondMs;
      }
      // While the queue is full, messages stay in the kernel's buffers. If those are full too, the kernel
      // counts the loss.
      const bool may_pass = !go_on || !queue_.is_full();
      const uint64_t messages = may_pass ? pass(now) : 0;
      if (!may_pass) publish();
      if (go_on) nap_ms = sensors_.front()->nap_ms(messages);
      has_more = sensors_.front()->has_more();
      wake_if_due(now);
    }
    if (nap_ms > 0) nap(nap_ms);
  }
}

void Collector::nap(int ms) {
  // poll ignores a descriptor of -1 (man 2 poll).
  pollfd ready[] = {{stop_event_.get(), POLLIN, 0},
                    {ask_event_.get(), POLLIN, 0},
                    {sensors_.front()->urgent_descriptor(), POLLIN, 0}};
  sensors_.front()->rest(Rest::kNap);
  ::poll(ready, 3, ms);
  sensors_.front()->rest(Rest::kAwake);
}

uint64_t Collector::pass(double now_ms) {
  in_pass_ = true;
  uint64_t messages = 0;
  // The first thread that runs a pass starts the snapshot, so each later `drain` can report it.
  if (snapshot_wanted_.exchange(false)) sensors_.front()->begin_snapshot();
  for (const auto& sensor : sensors_) messages += sensor->drain(sink_, now_ms);
  sink_.hand_over();
  publish();
  in_pass_ = false;
  return messages;
}

void Collector::wake_if_due(double now_ms) {
  if (wake_due_ms_ == kNever && !has_changed_) return;
  const bool may_wait = sensors_.front()->may_wait() && queue_.bytes() < kWorthWakingBytes;
  if (!has_changed_ && may_wait && now_ms < wake_due_ms_ && running_) return;
  wake_due_ms_ = kNever;
  wake_(std::exchange(has_changed_, false));
}

void Collector::drain_now() {
  if (!running_) return;
  const std::lock_guard<std::mutex> lock(pass_mutex_);
  if (!queue_.is_full()) pass(monotonic_ms());
}

void Collector::request_snapshot() {
  snapshot_wanted_ = true;
  if (running_) raise_event(ask_event_.get());
}

void Collector::QueueSink::hand_over() {
  if (batch_.empty()) return;
  const bool must_wake = collector_.queue_.push(batch_, boottime_ms(), unix_minus_boottime_ms());
  batch_.clear();
  if (must_wake) collector_.wake_due_ms_ = std::min(collector_.wake_due_ms_, monotonic_ms() + kSecondMs);
}

void Collector::publish() {
  SensorStats now = sensors_.front()->stats();
  for (size_t i = 1; i < sensors_.size(); ++i) now.add(sensors_[i]->stats());
  const std::lock_guard<std::mutex> lock(stats_mutex_);
  const auto same_code = [](const Problem& a, const Problem& b) { return a.code == b.code; };
  if (now.hears != stats_.hears || !std::equal(now.problems.begin(), now.problems.end(),
                                               stats_.problems.begin(), stats_.problems.end(), same_code)) {
    has_changed_ = true;
  }
  stats_ = std::move(now);
}

uint64_t Collector::on_its_way() const {
  uint64_t sum = queue_.bytes() + (in_pass_ ? 1 : 0);
  for (const auto& sensor : sensors_) sum += sensor->on_its_way();
  return sum;
}

Collector::Stats Collector::stats() const {
  Stats stats;
  {
    const std::lock_guard<std::mutex> lock(stats_mutex_);
    stats.sensors = stats_;
  }
  stats.queue_bytes = queue_.bytes();
  stats.queue_dropped = queue_.dropped();
  return stats;
}

}  // namespace process_ancestry
