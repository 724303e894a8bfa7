#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>

namespace process_ancestry {

enum class Kind : uint8_t {
  kFork = 1,
  kExec = 2,
  kExit = 3,
  kSetsid = 4,
  kLoss = 5,
  kClock = 6,
  kSetpgid = 7,
  kLogin = 8
};
enum class Source : uint8_t { kNone = 0, kProcEvents = 1, kAudit = 2 };
enum class ExecCall : uint32_t { kUnknown = 0, kExecve = 1, kExecveat = 2 };

// An id or a mode that nobody told us; for auid and ses also the kernel's own "unset".
constexpr uint32_t kUnknown = 0xffffffff;

// In the order of the batch format, which copies it as it is.
struct Credentials {
  uint32_t auid = kUnknown, uid = kUnknown, gid = kUnknown, euid = kUnknown, suid = kUnknown;
  uint32_t fsuid = kUnknown, egid = kUnknown, sgid = kUnknown, fsgid = kUnknown, ses = kUnknown;
};

// Of an executed file: whole Unix seconds, NaN if unknown, and its inode number, 0 if unknown.
struct FileTimes {
  double atime = NAN, mtime = NAN, ctime = NAN, btime = NAN;
  double inode = 0;
};

// What an exec event says beyond "this pid has a new image". Texts are raw bytes; the views belong to whoever
// made the details (a pending assembly, a /proc reader) and live until that is reused.
struct ExecDetails {
  uint32_t serial = 0;
  int32_t ppid = 0;
  ExecCall call = ExecCall::kUnknown;
  Credentials credentials;
  uint32_t mode = kUnknown, ouid = kUnknown, ogid = kUnknown;
  FileTimes times;
  double pid_namespace = 0;
  uint32_t sid = kUnknown, pgid = kUnknown, tty_number = kUnknown;  // of the stat file; audit does not tell
  uint32_t argc = kUnknown;
  uint32_t args_size = 0;  // of all arguments joined by one byte, before any cut
  bool args_cut = false;
  bool from_procfs = false;
  std::string_view comm, exe, cwd, tty;
  std::string_view args;  // separated by one NUL byte each
  std::string_view name;
  std::string_view cgroup;
  std::string_view root;  // in which `exe` is a path: see procfs::ExecFile
};

// Whose process group was set, and to which.
struct GroupChange {
  int32_t pid = 0;
  int32_t pgid = 0;  // 0 if it cannot be told
  // Who called, if it was gone before its namespace could be read: the numbers are as it counted them.
  int32_t gone_caller = 0;
};

// What a program that lets people in said of a session that it opened. Texts are empty where it did not say.
struct LoginDetails {
  uint32_t ses = kUnknown;
  std::string_view address, terminal, exe;
};

}  // namespace process_ancestry
