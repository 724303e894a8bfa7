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

// Drains sensors on its own thread and queues their records for JavaScript. The first sensor reports
// processes. The others add what it cannot report, and may fail.
class Collector {
 public:
  struct Stats {
    SensorStats sensors;  // of all sensors, after the last pass
    uint64_t queue_bytes = 0, queue_dropped = 0;
  };

  // `wake` is called on the collector thread when batches wait, at most once between two takes: at once, or
  // within a second if the sensor allows a delay. It is also called, with true, when the parts that work or
  // the problems have changed.
  Collector(Sensors sensors, size_t queue_max_bytes, std::function<void(bool has_changed)> wake);
  ~Collector() { stop(); }
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  // False if the first sensor does not work.
  bool start(std::vector<Problem>& problems);
  // Ends the thread and restores what was changed in the kernel. Records received before stay in the queue.
  void stop();

  Stats stats() const;
  // Takes what waits in the kernel now, on the caller's thread. The queue then has every event that ended
  // before this call.
  void drain_now();
  // Whether the sensor can report all live processes as a snapshot.
  bool has_snapshot() const { return sensors_.front()->has_snapshot(); }
  void request_snapshot();
  // What is not yet delivered, in bytes and records: in the kernel, in the collector thread and in the queue.
  // Asks the kernel. Not for the collector thread.
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
  // Blocks until a descriptor is readable or `until_ms` is reached. False if the thread must stop.
  bool wait(double until_ms);
  void nap(int ms);
  // Returns the number of messages received.
  uint64_t pass(double now_ms);
  // Wakes the reader if the wake is due.
  void wake_if_due(double now_ms);
  void publish();

  const std::function<void(bool)> wake_;
  BatchQueue queue_;
  mutable std::mutex stats_mutex_;
  SensorStats stats_;  // guarded by stats_mutex_
  std::mutex pass_mutex_;
  std::atomic<bool> in_pass_{false}, snapshot_wanted_{false};

  // Guarded by pass_mutex_ while the thread runs.
  Sensors sensors_;
  QueueSink sink_;
  // When the reader must be woken for the waiting records; kNever if none wait.
  static constexpr double kNever = 1e300;
  double wake_due_ms_ = kNever;
  // The reader does not know the present state of the sensors.
  bool has_changed_ = false;

  UniqueFd stop_event_, ask_event_;
  pthread_t thread_{};
  bool running_ = false;
};

}  // namespace process_ancestry
