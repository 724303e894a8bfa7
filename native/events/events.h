// Generated from native/events/declaration.ts by `npm run generate`. Do not edit.
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
  kSetid = 11,
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

// An unknown id. For auid and ses also the kernel's "unset".
constexpr uint32_t kUnknown = 0xffffffff;

// What was executed, and with which ids. Texts are raw bytes. Their memory belongs to the maker of the
// details and is valid until its next use.
struct ExecDetails {
  // Audit's serial number of the event; 0 for none.
  uint32_t serial = 0;
  // The kernel's parent at the exec, which may be an adoptive parent. 0 for a process that the kernel
  // itself made.
  uint32_t ppid = kUnknown;
  // The system call of the exec.
  ExecCall syscall = ExecCall::kUnknown;
  // The login user id.
  uint32_t auid = kUnknown;
  // User or group id as in man 7 credentials, in the initial user namespace.
  uint32_t uid = kUnknown;
  // User or group id as in man 7 credentials, in the initial user namespace.
  uint32_t gid = kUnknown;
  // User or group id as in man 7 credentials, in the initial user namespace.
  uint32_t euid = kUnknown;
  // User or group id as in man 7 credentials, in the initial user namespace.
  uint32_t suid = kUnknown;
  // User or group id as in man 7 credentials, in the initial user namespace.
  uint32_t fsuid = kUnknown;
  // User or group id as in man 7 credentials, in the initial user namespace.
  uint32_t egid = kUnknown;
  // User or group id as in man 7 credentials, in the initial user namespace.
  uint32_t sgid = kUnknown;
  // User or group id as in man 7 credentials, in the initial user namespace.
  uint32_t fsgid = kUnknown;
  // Audit's session id.
  uint32_t ses = kUnknown;
  // st_mode of the program file.
  uint32_t mode = kUnknown;
  // User id of the program file's owner.
  uint32_t owner_uid = kUnknown;
  // Group id of the program file.
  uint32_t owner_gid = kUnknown;
  // Access time of the program file: Unix seconds.
  double atime = NAN;
  // Modification time of the program file: Unix seconds.
  double mtime = NAN;
  // Change time of the program file: Unix seconds.
  double ctime = NAN;
  // Creation time of the program file: Unix seconds.
  double btime = NAN;
  // Inode number of the program file, if its times are known.
  double inode = 0;
  // Device of the program file, as st_dev in stat(2): see deviceOf.
  uint32_t device = kUnknown;
  // Bytes of the program file.
  double size = NAN;
  // Hard links to the program file.
  uint32_t link_count = kUnknown;
  // Inode number of the pid namespace.
  double pid_namespace = 0;
  // Inode number of the user namespace.
  double user_namespace = 0;
  // Inode number of the mount namespace.
  double mount_namespace = 0;
  // Inode number of the network namespace.
  double network_namespace = 0;
  // The process's pid in its own pid namespace.
  uint32_t pid_in_namespace = kUnknown;
  // The session id.
  uint32_t sid = kUnknown;
  // The process group id.
  uint32_t pgid = kUnknown;
  // Device number of the controlling terminal, as in /proc/PID/stat; 0 for none.
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
  // The kernel's id of the control group.
  double cgroup_id = 0;
  // Number of arguments as the kernel counted them, even if args was cut.
  uint32_t args_count = kUnknown;
  // Bytes of all arguments with one separator byte between them, before any cut.
  uint32_t args_bytes = 0;
  // Number of environment variables.
  uint32_t env_count = kUnknown;
  // Bytes of the environment.
  uint32_t env_bytes = kUnknown;
  // Bits of the namespaces that the parent is not in: 1 mnt, 2 pid, 4 net, 8 user, 16 ipc, 32 uts, 64
  // cgroup, 128 time.
  uint32_t new_namespaces = kUnknown;
  // Arguments are missing or cut.
  bool args_cut = false;
  // The details were read from /proc after the exec.
  bool from_procfs = false;
  // The program file had no name at the exec: it was removed, or never had one (a memfd).
  bool is_deleted = false;
  // name is a script, and the program is its interpreter.
  bool is_script = false;
  // The program has privileges that its real user has not (AT_SECURE): by set-user-ID, set-group-ID or file
  // capabilities.
  bool gains_privilege = false;
  // The program file is in the upper layer of an overlay: it was added after the image was made.
  bool is_upper_layer = false;
  // path or cwd lacks its beginning, because it is longer than the kernel programs can read.
  bool path_cut = false;
  // The program file was made by memfd_create(2) and has no directory.
  bool is_memfd = false;
  // The program file has capabilities (man 7 capabilities).
  bool has_file_capabilities = false;
  // environment may lack variables: the environment is too long, or could not be read.
  bool environment_cut = false;
  // The thread's name.
  std::string_view comm;
  // The file that the kernel loaded: for a script its interpreter.
  std::string_view path;
  // The working directory.
  std::string_view cwd;
  // The controlling terminal as osquery shows it: pts/1, tty1; '' for none.
  std::string_view tty;
  // The arguments, separated by NUL, without a trailing NUL.
  std::string_view args;
  // The file name passed to the system call: for a script the script.
  std::string_view name;
  // Control group: a path in its hierarchy. '' if unknown.
  std::string_view cgroup;
  // The root directory of path: / if the path leads to the executed file on the host, the host's path of a
  // chroot, or mnt:[INODE] for another mount namespace. '' if unknown.
  std::string_view root;
  // The requested environment variables as NAME=value, separated by NUL.
  std::string_view environment;
};

// A process was created. Threads are not processes and make no event.
struct ForkEvent {
  // The kernel's parent at the fork: with CLONE_PARENT the caller's parent.
  int32_t parent = 0;
  // The caller, if the child inherits its image from it and not from the parent (CLONE_PARENT).
  int32_t image_from = 0;
  // The parent of the calling process, if isClaimed.
  int32_t caller_parent = 0;
  // When the process was created: CLOCK_BOOTTIME in milliseconds.
  double start_ms = 0;
  // When the parent was created: CLOCK_BOOTTIME in milliseconds.
  double parent_start_ms = 0;
  // The session id.
  uint32_t sid = kUnknown;
  // The process group id.
  uint32_t pgid = kUnknown;
  // Inode number of the pid namespace.
  double pid_namespace = 0;
  // The process's pid in its own pid namespace.
  uint32_t pid_in_namespace = kUnknown;
  // The pid is the number that the caller received. It is in the caller's pid namespace, which may not be
  // the initial one.
  bool is_claimed = false;
  static constexpr Kind kKind = Kind::kFork;
};

// A process executes a new image.
struct ExecEvent {
  // Calls of setpgid are not recorded now, because there were too many. details.pgid was read from /proc at
  // the exec; undefined if unknown.
  bool groups_untold = false;
  // The process may be in another control group than its creator. details.cgroup is '' if the group is
  // unknown.
  bool cgroup_untold = false;
  // The kernel itself executes a helper without a system call, so audit has no record of it. Fields missing
  // in details stay unknown.
  bool is_unrecorded = false;
  const ExecDetails* details = nullptr;
  static constexpr Kind kKind = Kind::kExec;
};

// The last thread of a process has ended.
struct ExitEvent {
  // As in wait(2): exit code << 8, or the signal in the low 7 bits.
  int32_t status = 0;
  // When the process was created: CLOCK_BOOTTIME in milliseconds.
  double start_ms = 0;
  // The session id.
  uint32_t sid = kUnknown;
  // The process group id.
  uint32_t pgid = kUnknown;
  static constexpr Kind kKind = Kind::kExit;
};

// A process became the leader of a new session.
struct SetsidEvent {
  static constexpr Kind kKind = Kind::kSetsid;
};

// Events of this source were lost before this point.
struct LossEvent {
  // How many events were lost, at least.
  uint32_t count = 0;
  static constexpr Kind kKind = Kind::kLoss;
};

// The clock offset, at the beginning of a batch.
struct ClockEvent {
  // Unix ms minus CLOCK_BOOTTIME ms; undefined in a recorded log.
  double offset = NAN;
  static constexpr Kind kKind = Kind::kClock;
};

// setpgid(2) set the process group of a process. src/collect completes the event.
struct SetpgidEvent {
  // Undefined if the caller may be in another pid namespace. Then the pid is the caller's, and the group
  // must be read from /proc.
  int32_t pgid = 0;
  // The caller, if its pid namespace could not be read, as in a recorded log. The numbers are from that
  // namespace; use them only if the caller could have set this group.
  int32_t gone_caller = 0;
  // Audit's serial number.
  uint32_t serial = 0;
  static constexpr Kind kKind = Kind::kSetpgid;
};

// A login program (sshd, login, cron, sudo by PAM) reported that it opened a session: audit's USER_LOGIN
// and USER_START. The pid is the program's. One login often makes two events, the first without a terminal.
struct LoginEvent {
  // Audit's session id.
  uint32_t ses = kUnknown;
  // Source address: IPv4 or IPv6, with its zone if it has one; '' if unknown or local.
  std::string_view address;
  // The terminal as the program reported it: pts/1 as in ExecDetails, or a word such as ssh or cron; '' if
  // unknown.
  std::string_view terminal;
  // Path of the program; '' if unknown.
  std::string_view exe;
  static constexpr Kind kKind = Kind::kLogin;
};

// A live process in a snapshot, at the start or after a loss.
struct SnapshotEvent {
  // When the parent was created: CLOCK_BOOTTIME in milliseconds.
  double parent_start_ms = 0;
  // A zombie: it has ended, and its parent has not waited for it.
  bool has_ended = false;
  // It has executed its image itself and did not inherit it at a fork.
  bool has_executed = false;
  const ExecDetails* details = nullptr;
  static constexpr Kind kKind = Kind::kSnapshot;
};

// All records of the requested snapshot came before this point, or were counted as lost.
struct SnapshotEndEvent {
  // Whether the snapshot has all processes.
  bool is_whole = false;
  static constexpr Kind kKind = Kind::kSnapshotEnd;
};

// setuid(2) or a similar call changed user or group ids of a process, in the initial user namespace.
struct SetidEvent {
  // After the call.
  uint32_t uid = kUnknown;
  // After the call.
  uint32_t gid = kUnknown;
  // After the call.
  uint32_t euid = kUnknown;
  // After the call.
  uint32_t egid = kUnknown;
  // After the call.
  uint32_t suid = kUnknown;
  // After the call.
  uint32_t sgid = kUnknown;
  // After the call.
  uint32_t fsuid = kUnknown;
  // After the call.
  uint32_t fsgid = kUnknown;
  // Before the call.
  uint32_t uid_before = kUnknown;
  // Before the call.
  uint32_t gid_before = kUnknown;
  // Before the call.
  uint32_t euid_before = kUnknown;
  // Before the call.
  uint32_t egid_before = kUnknown;
  // Before the call.
  uint32_t suid_before = kUnknown;
  // Before the call.
  uint32_t sgid_before = kUnknown;
  // Before the call.
  uint32_t fsuid_before = kUnknown;
  // Before the call.
  uint32_t fsgid_before = kUnknown;
  static constexpr Kind kKind = Kind::kSetid;
};

// The payload size of an event, the flags of its header, and a function that writes the payload and returns
// its end.
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
size_t packed_size(const SetidEvent& event);
uint16_t flags_of(const SetidEvent& event);
uint8_t* pack(uint8_t* to, const SetidEvent& event);

}  // namespace process_ancestry
