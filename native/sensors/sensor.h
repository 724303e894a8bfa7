#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "../batch.h"
#include "problem.h"

namespace process_ancestry {

// Takes the records that a sensor packs. What was handed over is out of the sensor's hands.
class Sink {
 public:
  virtual ~Sink() = default;
  // Records are appended to it; it may have some already.
  virtual Batch& batch() = 0;
  // Hands over what the batch holds, and empties it.
  virtual void hand_over() = 0;
  // True while a sensor is to leave what comes in the kernel's buffers: the reader is behind.
  virtual bool is_full() const = 0;
};

// What a sensor hears from, and what it counted since its start.
struct SensorStats {
  // Parts of it that work now, joined by +: "ebpf", "audit+proc_events"; empty if none does.
  std::string hears;
  uint64_t messages = 0;        // of the kernel's
  uint64_t lost = 0;            // messages that did not come, by any cause
  uint64_t kernel_lost = 0;     // of them, those that the kernel counted itself
  uint64_t kernel_backlog = 0;  // waiting in the kernel: records, or bytes where those are not counted
  uint64_t malformed = 0, incomplete = 0;
  // What keeps it from working, or from working at its best, now.
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

// What the collector's thread does: a kernel that knows it wakes it no more often than it has to.
enum class Rest : uint8_t {
  kAwake,  // it will look at what waits
  kNap,    // it looks again in a moment, and need be told only of very much
  kIdle,   // it sleeps until a descriptor is readable
};

// A facility of the kernel that tells of processes. Opened, closed and asked for `hears` on the main thread;
// all else is on the collector's while it runs. `stats` and `on_its_way` may be asked on any thread between
// passes.
class Sensor {
 public:
  virtual ~Sensor() = default;

  // Subscribes: what happens from then on is not missed. False if nothing can be heard. Tells why, and what
  // keeps a part of it from being heard.
  virtual bool open(std::vector<Problem>& problems) = 0;
  // Puts back what was changed in the kernel.
  virtual void close() = 0;
  // Before the first pass, on the collector's thread.
  virtual void begin() {}
  // Readable when something waits. They may change in a pass.
  virtual void descriptors(std::vector<int>& fds) const = 0;
  // What the collector's thread is about to do. On that thread, between passes.
  virtual void rest(Rest) {}
  // Readable when a nap is to end at once; -1 for none.
  virtual int urgent_descriptor() const { return -1; }
  // Takes what waits. The number of messages.
  virtual uint64_t drain(Sink& sink, double now_ms) = 0;
  // Each second, after `open`.
  virtual void tick(Sink& sink, double now_ms) = 0;
  // For how many ms the descriptors are left alone after a pass of so many messages: many then cost one
  // wake-up.
  virtual int nap_ms(uint64_t messages) = 0;
  // Whether what was drained last may wait a moment for its reader: nothing of it has to be looked up while
  // its process lives.
  virtual bool may_wait() const { return false; }
  virtual SensorStats stats() const = 0;
  // What waits in the kernel, in bytes or messages. Asks the kernel; on any thread.
  virtual uint64_t on_its_way() const = 0;
  // Whether it tells of the processes that live, as snapshot records; else /proc is to be read instead.
  virtual bool has_snapshot() const { return false; }
  // The next calls of `drain` tell of them, as far as the sink has room, and of the end after the last one.
  virtual void begin_snapshot() {}
  // Whether `drain` has more to tell, though nothing waits in the kernel.
  virtual bool has_more() const { return false; }
};

}  // namespace process_ancestry
