#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "../batch.h"
#include "problem.h"

namespace process_ancestry {

// Takes the records that a sensor packs. After `hand_over` the sensor must not change them.
class Sink {
 public:
  virtual ~Sink() = default;
  // The sensor appends its records here. The batch may already hold others.
  virtual Batch& batch() = 0;
  // Passes the records on and empties the batch.
  virtual void hand_over() = 0;
  // True while the reader is behind. The sensor then leaves new messages in the kernel's buffers.
  virtual bool is_full() const = 0;
};

// What a sensor receives, and what it has counted since its start.
struct SensorStats {
  // The parts that work now, joined by +: "ebpf", "audit+proc_events". Empty if none works.
  std::string hears;
  uint64_t messages = 0;        // received from the kernel
  uint64_t lost = 0;            // messages that did not arrive, for any reason
  uint64_t kernel_lost = 0;     // the part of `lost` that the kernel counted
  uint64_t kernel_backlog = 0;  // waiting in the kernel: records, or bytes if records are not counted
  uint64_t malformed = 0, incomplete = 0;
  // Problems that stop or degrade the sensor now.
  std::vector<Problem> problems;

  // Adds the counts and problems of another sensor.
  void add(const SensorStats& other) {
    messages += other.messages;
    lost += other.lost;
    kernel_lost += other.kernel_lost;
    kernel_backlog += other.kernel_backlog;
    malformed += other.malformed;
    incomplete += other.incomplete;
    problems.insert(problems.end(), other.problems.begin(), other.problems.end());
  }
};

// The state of the collector thread. A sensor in the kernel uses it to avoid needless wakes.
enum class Rest : uint8_t {
  kAwake,  // it will check for waiting records itself
  kNap,    // it checks again soon; only a large backlog should wake it
  kIdle,   // it sleeps until a descriptor is readable
};

// A kernel facility that reports process events. `open`, `close` and `hears` are called on the main thread.
// While the collector runs, all other calls are on the collector thread. `stats` and `on_its_way` may be
// called on any thread between passes.
class Sensor {
 public:
  virtual ~Sensor() = default;

  // Subscribes. No later event is missed. Adds to `problems` the reason why a part does not work. False if no
  // part works.
  virtual bool open(std::vector<Problem>& problems) = 0;
  // Restores what was changed in the kernel.
  virtual void close() = 0;
  // Called on the collector thread before the first pass.
  virtual void begin() {}
  // Readable when records wait (no regular file: poll always reports it). The descriptors may change during a
  // pass.
  virtual void descriptors(std::vector<int>& fds) const = 0;
  // What the collector thread will do next. Called on that thread between passes.
  virtual void rest(Rest) {}
  // Readable when a nap must end at once; -1 for none.
  virtual int urgent_descriptor() const { return -1; }
  // Takes the waiting messages and returns their number.
  virtual uint64_t drain(Sink& sink, double now_ms) = 0;
  // Called once a second after `open`.
  virtual void tick(Sink& sink, double now_ms) = 0;
  // How many ms the collector ignores the descriptors after a pass of `messages` messages. A nap handles many
  // messages with one wake.
  virtual int nap_ms(uint64_t messages) = 0;
  // Whether the records of the last pass may be delivered late. False if the reader must look at a process
  // while it lives.
  virtual bool may_wait() const { return false; }
  virtual SensorStats stats() const = 0;
  // What waits in the kernel, in bytes or messages. Asks the kernel. May be called on any thread.
  virtual uint64_t on_its_way() const = 0;
  // Whether the sensor reports all live processes as snapshot records. If not, /proc is read instead.
  virtual bool has_snapshot() const { return false; }
  // Starts a snapshot. The next calls of `drain` report the processes while the sink has room, then the end.
  virtual void begin_snapshot() {}
  // Whether `drain` has more to report although nothing waits in the kernel.
  virtual bool has_more() const { return false; }
};

}  // namespace process_ancestry
