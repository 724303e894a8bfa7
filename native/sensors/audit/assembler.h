#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "audit_event.h"
#include "record.h"

namespace process_ancestry::audit {

// Record types that are read; all others are passed over unparsed (linux/audit.h).
enum RecordType : uint16_t {
  kUserStart = 1105,
  kUserLogin = 1112,
  kSyscall = 1300,
  kPath = 1302,
  kCwd = 1307,
  kExecve = 1309,
  kEndOfEvent = 1320,
  kProctitle = 1327,
};

// Puts the records of a serial together, whatever order and interleaving they come in, within bounds.
// Pure: time is told, nothing is read from the machine.
class Assembler {
 public:
  struct Limits {
    size_t args_max_bytes = 2 << 20;      // of one event's arguments
    size_t pending_max = 1024;            // events whose end has not come
    size_t bytes_max = size_t{64} << 20;  // of all events held
    double expiry_ms = 2000;              // after the first record
    // auditd writes no EOE to its log: there an event ends with its PROCTITLE, or when this many later ones
    // have begun.
    bool from_log = false;
    uint64_t later_events_max = 64;
    size_t remembered_serials = 4096;
  };
  struct Counters {
    uint64_t events = 0, malformed = 0, incomplete = 0, args_cut = 0;
    uint64_t group_changes = 0;  // setpgid(2)
  };
  // Types of records that rules keep from everybody (man 8 auditctl, the exclude list).
  struct Excluded {
    bool end = false, path = false, cwd = false, execve = false;
  };

  explicit Assembler(const Limits& limits) : limits_(limits), remembered_(limits.remembered_serials) {}

  // One record: "audit(…): field=value …". `now_ms` is any clock that does not go back; `may_be_cut` is
  // whether the record's end may be missing.
  void add(uint16_t type, std::string_view record, double now_ms, bool may_be_cut = false);
  // Of the events that begin from now on.
  void set_log_time(const LogTime& time) { log_time_ = time; }
  // An event that is not complete; null if there is none.
  AuditEvent* begun(const RecordId& id);
  // Without EOE an event ends with its last record: the kernel writes SYSCALL, which counts the PATHs,
  // EXECVE, CWD, PATHs (kernel/auditsc.c, audit_log_exit).
  void set_excluded(const Excluded& excluded);
  // Gives up waiting for the end of events that began too long ago.
  void expire(double now_ms);
  // Nothing more will come.
  void end();

  // In order of completion, until recycled; the caller may order them otherwise.
  const std::vector<std::unique_ptr<AuditEvent>>& completed() const { return completed_; }
  std::vector<std::unique_ptr<AuditEvent>>& completed() { return completed_; }
  void recycle_completed() { recycle_completed(completed_.size()); }
  // The first of them.
  void recycle_completed(size_t count);

  size_t pending() const { return pending_.size(); }
  size_t bytes_held() const { return bytes_held_; }
  const Counters& counters() const { return counters_; }
  // The caller of the last setpgid, and when.
  struct GroupCaller {
    int32_t pid = 0;
    uint32_t uid = 0;
    double time_ms = 0;
  };
  const GroupCaller& group_caller() const { return group_caller_; }

 private:
  using Slot = std::unique_ptr<AuditEvent>;
  static constexpr size_t kFreeMax = 64, kKeepBytes = 16 << 10;

  void add_login(const RecordId& id, std::string_view body);
  Slot new_slot(const RecordId& id, double now_ms);
  void deliver(Slot slot);
  AuditEvent* find(const RecordId& id, bool begin, double now_ms);
  bool was_completed(const RecordId& id) const;
  void finish(size_t index, bool complete);
  void free_slot(Slot slot);
  void trim();
  bool has_last_record(const AuditEvent& event) const;

  const Limits limits_;
  Counters counters_;
  Excluded excluded_;
  GroupCaller group_caller_;
  LogTime log_time_;
  std::vector<Slot> pending_, completed_, free_;
  size_t last_ = 0;  // where in pending_ the last record belonged
  uint64_t begun_ = 0;
  size_t bytes_held_ = 0;
  // The ids completed last, each at its serial modulo the size: an event that comes twice, by unicast and
  // multicast while the reader changes, is delivered once.
  std::vector<RecordId> remembered_;
};

}  // namespace process_ancestry::audit
