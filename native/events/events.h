// Made of native/events/declaration.ts by `npm run generate`: change that.
#pragma once

#include <cmath>
#include <cstddef>
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
  kLogin = 8,
  kSnapshot = 9,
  kSnapshotEnd = 10,
};
enum class Source : uint8_t {
  kNone = 0,
  kProcEvents = 1,
  kAudit = 2,
  kEbpf = 3,
};
enum class ExecCall : uint8_t {
  kUnknown = 0,
  kExecve = 1,
  kExecveat = 2,
};
enum class DescriptorKind : uint8_t {
  kUnknown = 0,
  kClosed = 1,
  kTty = 2,
  kPipe = 3,
  kSocket = 4,
  kFile = 5,
  kNull = 6,
  kOther = 7,
};

// An id that is not known; for auid and ses also the kernel's own "unset".
constexpr uint32_t kUnknown = 0xffffffff;

// What was executed, and as whom. Texts are raw bytes; the views belong to whoever made the details and
// live until that is used again.
struct ExecDetails {
  // Audit's serial number of the event; 0 where there is none.
  uint32_t serial = 0;
  // The kernel's parent at the exec: an adoptive one counts. 0 for a process that the kernel itself made.
  uint32_t ppid = kUnknown;
  // The system call.
  ExecCall syscall = ExecCall::kUnknown;
  // The login user id.
  uint32_t auid = kUnknown;
  // As in man 7 credentials, in the initial user namespace.
  uint32_t uid = kUnknown;
  // As in man 7 credentials, in the initial user namespace.
  uint32_t gid = kUnknown;
  // As in man 7 credentials, in the initial user namespace.
  uint32_t euid = kUnknown;
  // As in man 7 credentials, in the initial user namespace.
  uint32_t suid = kUnknown;
  // As in man 7 credentials, in the initial user namespace.
  uint32_t fsuid = kUnknown;
  // As in man 7 credentials, in the initial user namespace.
  uint32_t egid = kUnknown;
  // As in man 7 credentials, in the initial user namespace.
  uint32_t sgid = kUnknown;
  // As in man 7 credentials, in the initial user namespace.
  uint32_t fsgid = kUnknown;
  // Audit's session id.
  uint32_t ses = kUnknown;
  // st_mode of the program.
  uint32_t mode = kUnknown;
  // The program file's owner.
  uint32_t owner_uid = kUnknown;
  // The program file's group.
  uint32_t owner_gid = kUnknown;
  // Unix seconds.
  double atime = NAN;
  // Unix seconds.
  double mtime = NAN;
  // Unix seconds.
  double ctime = NAN;
  // Unix seconds.
  double btime = NAN;
  // Of the program's file, where its times are known.
  double inode = 0;
  // Of the program's file, as stat(2) has st_dev: see deviceOf.
  uint32_t device = kUnknown;
  // Bytes of the program's file.
  double size = NAN;
  // Hard links to the program's file.
  uint32_t link_count = kUnknown;
  // Inode number.
  double pid_namespace = 0;
  // Inode number.
  double user_namespace = 0;
  // Inode number.
  double mount_namespace = 0;
  // Inode number.
  double network_namespace = 0;
  // The pid in its own pid namespace.
  uint32_t pid_in_namespace = kUnknown;
  // The session.
  uint32_t sid = kUnknown;
  // The process group.
  uint32_t pgid = kUnknown;
  // The controlling terminal's device number as in /proc/PID/stat; 0 for none.
  uint32_t tty_nr = kUnknown;
  // When the process was created: CLOCK_BOOTTIME in milliseconds.
  double start_ms = 0;
  // Permitted capabilities, as bits (man 7 capabilities).
  double cap_permitted = NAN;
  // Effective capabilities, as bits.
  double cap_effective = NAN;
  // What descriptor 0 is.
  DescriptorKind stdin_kind = DescriptorKind::kUnknown;
  // What descriptor 1 is.
  DescriptorKind stdout_kind = DescriptorKind::kUnknown;
  // What descriptor 2 is.
  DescriptorKind stderr_kind = DescriptorKind::kUnknown;
  // Of the control group.
  double cgroup_id = 0;
  // As the kernel counted them, also where args was cut.
  uint32_t args_count = kUnknown;
  // Bytes of all arguments joined by one byte, before any cut.
  uint32_t args_bytes = 0;
  // Variables of the environment.
  uint32_t env_count = kUnknown;
  // Bytes of the environment.
  uint32_t env_bytes = kUnknown;
  // Arguments are missing or were cut.
  bool args_cut = false;
  // Read from /proc after the exec.
  bool from_procfs = false;
  // The program's file had no name any more when it was executed, or never had one (a memfd).
  bool is_deleted = false;
  // name is a script, and the program its interpreter.
  bool is_script = false;
  // The exec gained privileges: set-user-id, set-group-id or file capabilities (AT_SECURE).
  bool gains_privilege = false;
  // The program lies in the upper layer of an overlay: it was put there after the image was made.
  bool is_upper_layer = false;
  // path or cwd is longer than the kernel programs follow, and lacks its beginning.
  bool path_cut = false;
  // The thread's name.
  std::string_view comm;
  // What the kernel loaded: for a script its interpreter.
  std::string_view path;
  // The working directory.
  std::string_view cwd;
  // As osquery shows it: pts/1, tty1; '' for none.
  std::string_view tty;
  // The arguments separated by NUL, without a trailing one.
  std::string_view args;
  // The name that was executed, as given to the system call: for a script the script.
  std::string_view name;
  // Control group: a path in its hierarchy. '' where it is not known.
  std::string_view cgroup;
  // The root directory in which path is a path: / where the host's path leads to the executed file, the
  // host's path of a chroot, mnt:[INODE] for another mount namespace. '' where it is not known.
  std::string_view root;
  // Variables that were asked for, NAME=value, separated by NUL.
  std::string_view environment;
};

// A process was created. Threads are not processes and make no event.
struct ForkEvent {
  // The kernel's parent at the fork: with CLONE_PARENT the caller's parent.
  int32_t parent = 0;
  // Whose image the child inherits where that is not the parent's (CLONE_PARENT): the caller.
  int32_t image_from = 0;
  // The parent of the process that called, where isClaimed.
  int32_t caller_parent = 0;
  // When the process was created: CLOCK_BOOTTIME in milliseconds.
  double start_ms = 0;
  // The parent's start, likewise.
  double parent_start_ms = 0;
  // The session.
  uint32_t sid = kUnknown;
  // The process group.
  uint32_t pgid = kUnknown;
  // Inode number.
  double pid_namespace = 0;
  // The pid in its own pid namespace.
  uint32_t pid_in_namespace = kUnknown;
  // The pid is only what the caller was given: a number of the caller's own pid namespace, which may be
  // another than the initial one.
  bool is_claimed = false;
  static constexpr Kind kKind = Kind::kFork;
};

// A process executes a new image.
struct ExecEvent {
  // Calls of setpgid are not recorded now, because there were too many: details.pgid is what /proc said at
  // the exec; undefined where the group is unknown.
  bool groups_untold = false;
  // The process may be in another control group than its creator; details.cgroup is '' where that group is
  // unknown.
  bool cgroup_untold = false;
  // The kernel itself executes a helper: no system call does it, so audit has no record of it. What details
  // lack stays unknown.
  bool is_unrecorded = false;
  const ExecDetails* details = nullptr;
  static constexpr Kind kKind = Kind::kExec;
};

// The last thread of a process has ended.
struct ExitEvent {
  // As wait(2) gives it: exit code << 8, or the signal in the low 7 bits.
  int32_t status = 0;
  // When the process was created: CLOCK_BOOTTIME in milliseconds.
  double start_ms = 0;
  // The session.
  uint32_t sid = kUnknown;
  // The process group.
  uint32_t pgid = kUnknown;
  static constexpr Kind kKind = Kind::kExit;
};

// A process became the leader of a new session.
struct SetsidEvent {
  static constexpr Kind kKind = Kind::kSetsid;
};

// Events of this source were lost before this point.
struct LossEvent {
  // How many, at least.
  uint32_t count = 0;
  static constexpr Kind kKind = Kind::kLoss;
};

// The clocks, at the beginning of a batch.
struct ClockEvent {
  // Unix ms minus CLOCK_BOOTTIME ms; undefined in a recorded log.
  double offset = NAN;
  static constexpr Kind kKind = Kind::kClock;
};

// The process group of a process was set by setpgid(2). Half of an event: see src/collect.
struct SetpgidEvent {
  // Undefined where the caller may count pids of another namespace: then the pid is the caller, and what
  // was set is to be read from /proc.
  int32_t pgid = 0;
  // The caller, where its namespace could not be read, as in a recorded log: the numbers are as it counted
  // them, and to be believed only where it could have done that.
  int32_t gone_caller = 0;
  // Audit's serial number.
  uint32_t serial = 0;
  static constexpr Kind kKind = Kind::kSetpgid;
};

// A program that lets people in (sshd, login, cron, sudo by PAM) said that it opened a session: audit's
// USER_LOGIN and USER_START. The pid is that program's. Of one login there are often two, the first without
// a terminal.
struct LoginEvent {
  // Audit's session id.
  uint32_t ses = kUnknown;
  // IPv4 or IPv6 (with its zone, where it has one) of where it came from; '' if that is not known, or
  // local.
  std::string_view address;
  // As the program names it: a terminal as in ExecDetails (pts/1), or a word such as ssh or cron; '' if
  // unknown.
  std::string_view terminal;
  // The program; '' if unknown.
  std::string_view exe;
  static constexpr Kind kKind = Kind::kLogin;
};

// A process that lives, as it is now: of the snapshot at the start, and of the one after a loss.
struct SnapshotEvent {
  // The parent's start: CLOCK_BOOTTIME in milliseconds.
  double parent_start_ms = 0;
  // A zombie: dead, and not yet waited for.
  bool has_ended = false;
  // It has executed its image itself: not what it was forked with.
  bool has_executed = false;
  const ExecDetails* details = nullptr;
  static constexpr Kind kKind = Kind::kSnapshot;
};

// All records of the snapshot that was asked for were told before this point, or are counted as lost.
struct SnapshotEndEvent {
  // Whether all processes could be gone through.
  bool is_whole = false;
  static constexpr Kind kKind = Kind::kSnapshotEnd;
};

// How many bytes the payload of an event takes, the flags of its header, and the payload itself, whose end
// `pack` returns.
size_t packed_size(const ForkEvent& event);
uint16_t flags_of(const ForkEvent& event);
uint8_t* pack(uint8_t* to, const ForkEvent& event);
size_t packed_size(const ExecEvent& event);
uint16_t flags_of(const ExecEvent& event);
uint8_t* pack(uint8_t* to, const ExecEvent& event);
size_t packed_size(const ExitEvent& event);
uint16_t flags_of(const ExitEvent& event);
uint8_t* pack(uint8_t* to, const ExitEvent& event);
size_t packed_size(const SetsidEvent& event);
uint16_t flags_of(const SetsidEvent& event);
uint8_t* pack(uint8_t* to, const SetsidEvent& event);
size_t packed_size(const LossEvent& event);
uint16_t flags_of(const LossEvent& event);
uint8_t* pack(uint8_t* to, const LossEvent& event);
size_t packed_size(const ClockEvent& event);
uint16_t flags_of(const ClockEvent& event);
uint8_t* pack(uint8_t* to, const ClockEvent& event);
size_t packed_size(const SetpgidEvent& event);
uint16_t flags_of(const SetpgidEvent& event);
uint8_t* pack(uint8_t* to, const SetpgidEvent& event);
size_t packed_size(const LoginEvent& event);
uint16_t flags_of(const LoginEvent& event);
uint8_t* pack(uint8_t* to, const LoginEvent& event);
size_t packed_size(const SnapshotEvent& event);
uint16_t flags_of(const SnapshotEvent& event);
uint8_t* pack(uint8_t* to, const SnapshotEvent& event);
size_t packed_size(const SnapshotEndEvent& event);
uint16_t flags_of(const SnapshotEndEvent& event);
uint8_t* pack(uint8_t* to, const SnapshotEndEvent& event);

}  // namespace process_ancestry
