#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "../../events/events.h"
#include "group_change.h"
#include "log_clock.h"
#include "record.h"

namespace process_ancestry::audit {

// The file that a PATH record names.
struct FileId {
  uint64_t inode = 0;
  uint32_t dev_major = 0, dev_minor = 0;
};

struct ForkDetails {
  int32_t parent = 0, image_from = 0;
  int32_t caller_parent = 0;
  // In which pid namespace the child's number counts: the caller's, which audit does not tell.
  CallerNamespace in = CallerNamespace::kUnknown;
};

// What the records of one serial say, as far as they have come. Memory is kept and used again for later
// events.
struct AuditEvent {
  static constexpr size_t kMaxFiles = 8;
  enum class State : uint8_t { kWaitingForSyscall, kWanted, kNotWanted };
  struct Span {
    size_t at = 0, size = 0;
  };
  struct Arguments {
    std::string bytes;        // cut to the limit
    uint64_t whole_size = 0;  // of all that came, before the cut
    int64_t last = -1;        // the index of the argument that came last
    uint64_t next_chunk = 0;  // of that argument
    bool missing = false;     // some did not come
    bool cut = false;         // the end of one did not come
  };

  RecordId id;
  LogTime log_time;  // of a recorded log
  double first_seen_ms = 0;
  uint64_t born = 0;  // how many events had been begun before
  State state = State::kWaitingForSyscall;
  Kind kind = Kind::kExec;
  int32_t pid = 0;
  ForkDetails fork;
  int32_t exit_status = 0;
  SetpgidCall setpgid;
  LoginEvent login;                                   // its texts once the event is complete
  ExecDetails exec;                                   // its texts once the event is complete
  bool groups_untold = false, cgroup_untold = false;  // of ExecEvent
  bool has_execve = false;
  int64_t items = -1;  // how many PATH records there are; -1 while it is not known
  int64_t paths = 0;   // of them, those that have come
  std::array<FileId, kMaxFiles> files;
  size_t file_count = 0;

  std::string text;  // what the spans point into
  Span comm, exe, cwd, tty, name, address;
  Arguments args;

  size_t bytes() const { return text.size() + args.bytes.size(); }
  // Decodes a value into `text`; one whose end is missing is left out.
  Span keep(std::string_view value);
  Span keep_as_is(std::string_view value);
  // Points the texts of `exec` and `login` at what was kept.
  void complete();
};

}  // namespace process_ancestry::audit
