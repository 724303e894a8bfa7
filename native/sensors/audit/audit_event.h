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

// The file in a PATH record.
struct FileId {
  uint64_t inode = 0;
  uint32_t dev_major = 0, dev_minor = 0;
};

struct ForkDetails {
  int32_t parent = 0, image_from = 0;
  int32_t caller_parent = 0;
  // The namespace of the child's pid. It is the caller's, which audit does not report.
  CallerNamespace in = CallerNamespace::kUnknown;
};

// The content of the records of one serial so far. Its memory is reused for later events.
struct AuditEvent {
  static constexpr size_t kMaxFiles = 8;
  enum class State : uint8_t { kWaitingForSyscall, kWanted, kNotWanted };
  struct Span {
    size_t at = 0, size = 0;
  };
  struct Arguments {
    std::string bytes;        // cut at the limit
    uint64_t whole_size = 0;  // bytes before the cut
    int64_t last = -1;        // index of the argument that came last
    uint64_t next_chunk = 0;  // next piece of that argument
    bool missing = false;     // a piece or an argument is missing
    bool cut = false;         // an argument lacks its end
  };

  RecordId id;
  LogTime log_time;  // of a recorded log
  double first_seen_ms = 0;
  uint64_t born = 0;  // number of events that had begun before
  State state = State::kWaitingForSyscall;
  Kind kind = Kind::kExec;
  int32_t pid = 0;
  ForkDetails fork;
  int32_t exit_status = 0;
  SetpgidCall setpgid;
  LoginEvent login;                                   // its texts are set once the event is complete
  ExecDetails exec;                                   // its texts are set once the event is complete
  bool groups_untold = false, cgroup_untold = false;  // of ExecEvent
  bool has_execve = false;
  int64_t items = -1;  // number of PATH records; -1 if unknown
  int64_t paths = 0;   // number of PATH records that have come
  std::array<FileId, kMaxFiles> files;
  size_t file_count = 0;

  std::string text;  // the memory behind the spans
  Span comm, exe, cwd, tty, name, address;
  Arguments args;

  size_t bytes() const { return text.size() + args.bytes.size(); }
  // Decodes a value into `text`. Skips a value that lacks its end.
  Span keep(std::string_view value);
  Span keep_as_is(std::string_view value);
  // Sets the texts of `exec` and `login` to the kept values.
  void complete();
};

}  // namespace process_ancestry::audit
