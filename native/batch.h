#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "events/events.h"

namespace process_ancestry {

// Packs events into the one format that crosses to JavaScript: records back to back, little endian,
// unaligned.
//
//   u32 size      of the whole record, this field included
//   u8  kind      of event (Kind)
//   u8  source    of the event (Source)
//   u16 flags     1 has ExecDetails; then the flags of ExecDetails; from 256 on the flags of the kind
//   i32 pid       process (tgid, initial pid namespace); for fork the child; 0 for loss and clock
//   f64 time      milliseconds: for audit Unix time as in the record; else CLOCK_BOOTTIME
//   payload       numbers of the kind, of ExecDetails, then texts of the kind, of ExecDetails,
//                 each in the order of native/events/declaration.ts
//
// A text is u32 length and raw bytes. The first record of every batch is a clock.
class Batch {
 public:
  static constexpr size_t kHeaderBytes = 20, kLossBytes = kHeaderBytes + 4, kClockBytes = kHeaderBytes + 8;

  template <typename Event>
  void add(Source source, int32_t pid, double time, const Event& event) {
    pack(begin(packed_size(event), Event::kKind, source, flags_of(event), pid, time), event);
  }
  // An exec whose details are reported by another record.
  void exec(Source source, int32_t pid, double time) { add(source, pid, time, ExecEvent()); }
  void exec(Source source, int32_t pid, double time, const ExecDetails& details) {
    ExecEvent event;
    event.details = &details;
    add(source, pid, time, event);
  }
  void loss(Source source, double time, uint32_t count) { add(source, 0, time, LossEvent{count}); }
  void clock(double time, double offset) { add(Source::kNone, 0, time, ClockEvent{offset}); }

  // Appends records that another batch packed.
  void append(const uint8_t* records, size_t size) { bytes_.insert(bytes_.end(), records, records + size); }
  // Removes the details from the exec record that starts at `at`.
  void withdraw_details(size_t at);
  // Adds to the count of the loss record that starts at `at`.
  void add_to_loss(size_t at, uint32_t count);

  const uint8_t* data() const { return bytes_.data(); }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  // Removes the records and keeps the memory, unless a burst made it large.
  void clear();
  void swap(Batch& other) { bytes_.swap(other.bytes_); }

 private:
  // Makes room for a record with `payload` bytes of payload and writes the header. Returns where the payload
  // begins.
  uint8_t* begin(size_t payload, Kind kind, Source source, uint16_t flags, int32_t pid, double time);

  std::vector<uint8_t> bytes_;
};

// The size and the kind in a packed record's header.
uint32_t record_size(const uint8_t* record);
Kind record_kind(const uint8_t* record);

}  // namespace process_ancestry
