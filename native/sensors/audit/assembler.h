#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "audit_event.h"
#include "record.h"

namespace process_ancestry::audit {

// The record types that are read. All others are skipped without parsing (linux/audit.h).
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

// Joins the records of a serial, which may come in any order and interleaved, within limits. Pure: times are
// passed in.
class Assembler {
 public:
  struct Limits {
    size_t args_max_bytes = 2 << 20;      // for the arguments of one event
    size_t pending_max = 1024;            // events without their end
    size_t bytes_max = size_t{64} << 20;  // of all events held
    double expiry_ms = 2000;              // after the first record
    // auditd writes no EOE to its log. There an event ends with its PROCTITLE, or after this many later
    // events have begun.
    bool from_log = false;
    uint64_t later_events_max = 64;
    size_t remembered_serials = 4096;
  };
  struct Counters {
    uint64_t events = 0, malformed = 0, incomplete = 0, args_cut = 0;
    uint64_t group_changes = 0;  // setpgid(2)
  };
  // Record types that rules exclude for all readers (man 8 auditctl, the exclude list).
  struct Excluded {
    bool end = false, path = false, cwd = false, execve = false;
  };

  explicit Assembler(const Limits& limits) : limits_(limits), remembered_(limits.remembered_serials) {}

  // Adds one record: "audit(…): field=value …". `now_ms` is from any clock that never goes back.
  // `may_be_cut`: the record may lack its end.
  void add(uint16_t type, std::string_view record, double now_ms, bool may_be_cut = false);
  // Sets the log time of all events that begin later.
  void set_log_time(const LogTime& time) { log_time_ = time; }
  // The incomplete event with this id, or null.
  AuditEvent* begun(const RecordId& id);
  // If EOE is excluded, an event ends with its last record. The kernel's order is SYSCALL (with the number of
  // PATHs), EXECVE, CWD, PATHs (kernel/auditsc.c, audit_log_exit).
  void set_excluded(const Excluded& excluded);
  // Ends events that began too long ago.
  void expire(double now_ms);
  // Ends all events: no more records will come.
  void end();

  // In order of completion until they are recycled. The caller may reorder them.
  const std::vector<std::unique_ptr<AuditEvent>>& completed() const { return completed_; }
  std::vector<std::unique_ptr<AuditEvent>>& completed() { return completed_; }
  void recycle_completed() { recycle_completed(completed_.size()); }
  // Recycles the first `count` events.
  void recycle_completed(size_t count);

  size_t pending() const { return pending_.size(); }
  size_t bytes_held() const { return bytes_held_; }
  const Counters& counters() const { return counters_; }
  // The caller of the last setpgid, and its time.
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
  size_t last_ = 0;  // position in pending_ of the last record's event
  uint64_t begun_ = 0;
  size_t bytes_held_ = 0;
  // The ids completed last, each at its serial modulo the size. While the reader changes between unicast and
  // multicast, an event may come twice; it is delivered once.
  std::vector<RecordId> remembered_;
};

}  // namespace process_ancestry::audit
