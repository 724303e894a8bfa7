#pragma once

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "batch.h"
#include "batch_queue.h"
#include "sensors/sensor.h"
#include "unique_fd.h"

namespace process_ancestry {

using Sensors = std::vector<std::unique_ptr<Sensor>>;

// Drains sensors on a thread of its own, and queues what they pack for JavaScript. The first of them tells of
// processes; the others add what it cannot know, and may fail.
class Collector {
 public:
  struct Stats {
    SensorStats sensors;  // of all, as of the last pass
    uint64_t queue_bytes = 0, queue_dropped = 0;
  };

  // `wake` is called on the collector's thread when batches wait and it has not been called since the last
  // take: at once, or, where the sensor lets them wait, within a second.
  Collector(Sensors sensors, size_t queue_max_bytes, std::function<void()> wake);
  ~Collector() { stop(); }
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  // False if the first sensor hears nothing.
  bool start(std::vector<Problem>& problems);
  // Ends the thread and puts back what was changed in the kernel. What it had heard by then waits in the
  // queue.
  void stop();

  Stats stats() const;
  // Takes what waits in the kernel now, on the caller's thread: what ended before is in the queue then.
  void drain_now();
  // Whether the sensor tells of the processes that live, once asked to.
  bool has_snapshot() const { return sensors_.front()->has_snapshot(); }
  void request_snapshot();
  // What there still is for us, in bytes and records: in the kernel, in this thread's hands and in the queue.
  // Asks the kernel; for another thread than the collector's.
  uint64_t on_its_way() const;
  BatchQueue& queue() { return queue_; }

 private:
  // Hands the sensors' batch to the queue.
  class QueueSink final : public Sink {
   public:
    explicit QueueSink(Collector& collector) : collector_(collector) {}
    Batch& batch() override { return batch_; }
    void hand_over() override;
    bool is_full() const override { return collector_.queue_.is_full(); }

   private:
    Collector& collector_;
    Batch batch_;
  };

  static void* thread_main(void* collector);
  void run();
  // Blocks until something can be read, `until_ms` has come, or the thread is to stop, which is false.
  bool wait(double until_ms);
  void nap(int ms);
  // How many messages came.
  uint64_t pass(double now_ms);
  // Wakes the reader when it is due.
  void wake_if_due(double now_ms);
  void publish();

  const std::function<void()> wake_;
  BatchQueue queue_;
  mutable std::mutex stats_mutex_;
  SensorStats stats_;  // guarded by stats_mutex_
  std::mutex pass_mutex_;
  std::atomic<bool> in_pass_{false}, snapshot_wanted_{false};

  // Guarded by pass_mutex_ while the thread runs.
  Sensors sensors_;
  QueueSink sink_;
  // When the reader is to be woken for what waits in the queue; kNever where nothing does.
  static constexpr double kNever = 1e300;
  double wake_due_ms_ = kNever;

  UniqueFd stop_event_, ask_event_;
  pthread_t thread_{};
  bool running_ = false;
};

}  // namespace process_ancestry
