/**
 * All events that a sensor can report, with their fields. From this one declaration `npm run generate` makes the native structs
 * and the packer (native/events/events.h, events.cc), the TypeScript types and the decoder (src/collect/events.ts), and the
 * samples of the round-trip test. native/batch.h describes the packed form.
 */

/** '' means unknown. */
export const ENUMS = {
  ExecCall: ['', 'execve', 'execveat'],
  /** What a descriptor refers to. */
  DescriptorKind: ['', 'closed', 'tty', 'pipe', 'socket', 'file', 'null', 'other'],
} as const;

/**
 * How a field is packed, and its type in TypeScript:
 *
 * | type     | packed                              | in TypeScript                 |
 * | i32, u32, f64 | 4, 4, 8 bytes                  | number                        |
 * | pid      | i32, 0 unknown                      | Pid or undefined              |
 * | somePid  | i32                                 | Pid                           |
 * | id       | u32, 0xffffffff unset or unknown    | number or undefined           |
 * | inode    | f64, 0 unknown                      | number or undefined           |
 * | measure  | f64, NaN unknown                    | number or undefined           |
 * | text     | u32 length and raw bytes            | string                        |
 * | terminal | as text                             | string, as osquery names it   |
 * | flag     | a bit of the header's flags         | boolean                       |
 * | of ENUMS | u8, an index into its values        | one of its values             |
 */
export type FieldType =
  | 'i32'
  | 'u32'
  | 'f64'
  | 'pid'
  | 'somePid'
  | 'id'
  | 'inode'
  | 'measure'
  | 'text'
  | 'terminal'
  | 'flag'
  | keyof typeof ENUMS;

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly description: string;
}

export interface EventKind {
  readonly name: string;
  /** The number in the header. Never reuse it for another kind. */
  readonly code: number;
  readonly description: string;
  readonly fields: readonly Field[];
  /** Whether the event has ExecDetails: always, or only if they are known. */
  readonly details?: 'always' | 'optional';
}

const field = (name: string, type: FieldType, description: string): Field => ({ name, type, description });

const IDS = ['uid', 'gid', 'euid', 'egid', 'suid', 'sgid', 'fsuid', 'fsgid'];

/** The sources of events. The index is the number in the header. */
export const SOURCES = ['none', 'proc_events', 'audit', 'ebpf'] as const;

export const EXEC_DETAILS: readonly Field[] = [
  field('serial', 'u32', "Audit's serial number of the event; 0 for none."),
  field(
    'ppid',
    'id',
    "The kernel's parent at the exec, which may be an adoptive parent. 0 for a process that the kernel itself made.",
  ),
  field('syscall', 'ExecCall', 'The system call of the exec.'),
  ...['auid', 'uid', 'gid', 'euid', 'suid', 'fsuid', 'egid', 'sgid', 'fsgid'].map((name) =>
    field(
      name,
      'id',
      name === 'auid'
        ? 'The login user id.'
        : 'User or group id as in man 7 credentials, in the initial user namespace.',
    ),
  ),
  field('ses', 'id', "Audit's session id."),
  field('mode', 'id', 'st_mode of the program file.'),
  field('ownerUid', 'id', "User id of the program file's owner."),
  field('ownerGid', 'id', 'Group id of the program file.'),
  field('atime', 'measure', 'Access time of the program file: Unix seconds.'),
  field('mtime', 'measure', 'Modification time of the program file: Unix seconds.'),
  field('ctime', 'measure', 'Change time of the program file: Unix seconds.'),
  field('btime', 'measure', 'Creation time of the program file: Unix seconds.'),
  field('inode', 'inode', 'Inode number of the program file, if its times are known.'),
  field('device', 'id', 'Device of the program file, as st_dev in stat(2): see deviceOf.'),
  field('size', 'measure', 'Bytes of the program file.'),
  field('linkCount', 'id', 'Hard links to the program file.'),
  field('pidNamespace', 'inode', 'Inode number of the pid namespace.'),
  field('userNamespace', 'inode', 'Inode number of the user namespace.'),
  field('mountNamespace', 'inode', 'Inode number of the mount namespace.'),
  field('networkNamespace', 'inode', 'Inode number of the network namespace.'),
  field('pidInNamespace', 'id', "The process's pid in its own pid namespace."),
  field('sid', 'id', 'The session id.'),
  field('pgid', 'id', 'The process group id.'),
  field('ttyNr', 'id', 'Device number of the controlling terminal, as in /proc/PID/stat; 0 for none.'),
  field('startMs', 'inode', 'When the process was created: CLOCK_BOOTTIME in milliseconds.'),
  field('capPermitted', 'measure', 'Permitted capabilities, as bits (man 7 capabilities).'),
  field('capEffective', 'measure', 'Effective capabilities, as bits.'),
  field('stdinKind', 'DescriptorKind', 'What descriptor 0 is.'),
  field('stdoutKind', 'DescriptorKind', 'What descriptor 1 is.'),
  field('stderrKind', 'DescriptorKind', 'What descriptor 2 is.'),
  field('cgroupId', 'inode', "The kernel's id of the control group."),
  field('argsCount', 'id', 'Number of arguments as the kernel counted them, even if `args` was cut.'),
  field('argsBytes', 'u32', 'Bytes of all arguments with one separator byte between them, before any cut.'),
  field('envCount', 'id', 'Number of environment variables.'),
  field('envBytes', 'id', 'Bytes of the environment.'),
  field(
    'newNamespaces',
    'id',
    'Bits of the namespaces that the parent is not in: 1 mnt, 2 pid, 4 net, 8 user, 16 ipc, 32 uts, 64 cgroup, 128 time.',
  ),
  field('argsCut', 'flag', 'Arguments are missing or cut.'),
  field('fromProcfs', 'flag', 'The details were read from /proc after the exec.'),
  field('isDeleted', 'flag', 'The program file had no name at the exec: it was removed, or never had one (a memfd).'),
  field('isScript', 'flag', '`name` is a script, and the program is its interpreter.'),
  field(
    'gainsPrivilege',
    'flag',
    'The program has privileges that its real user has not (AT_SECURE): by set-user-ID, set-group-ID or file capabilities.',
  ),
  field(
    'isUpperLayer',
    'flag',
    'The program file is in the upper layer of an overlay: it was added after the image was made.',
  ),
  field(
    'pathCut',
    'flag',
    '`path` or `cwd` lacks its beginning, because it is longer than the kernel programs can read.',
  ),
  field('isMemfd', 'flag', 'The program file was made by memfd_create(2) and has no directory.'),
  field('hasFileCapabilities', 'flag', 'The program file has capabilities (man 7 capabilities).'),
  field(
    'environmentCut',
    'flag',
    '`environment` may lack variables: the environment is too long, or could not be read.',
  ),
  field('comm', 'text', "The thread's name."),
  field('path', 'text', 'The file that the kernel loaded: for a script its interpreter.'),
  field('cwd', 'text', 'The working directory.'),
  field('tty', 'terminal', "The controlling terminal as osquery shows it: pts/1, tty1; '' for none."),
  field('args', 'text', 'The arguments, separated by NUL, without a trailing NUL.'),
  field('name', 'text', 'The file name passed to the system call: for a script the script.'),
  field('cgroup', 'text', "Control group: a path in its hierarchy. '' if unknown."),
  field(
    'root',
    'text',
    "The root directory of `path`: / if the path leads to the executed file on the host, the host's path of a chroot, or mnt:[INODE] for another mount namespace. '' if unknown.",
  ),
  field('environment', 'text', 'The requested environment variables as NAME=value, separated by NUL.'),
];

export const KINDS: readonly EventKind[] = [
  {
    name: 'fork',
    code: 1,
    description: 'A process was created. Threads are not processes and make no event.',
    fields: [
      field('parent', 'somePid', "The kernel's parent at the fork: with CLONE_PARENT the caller's parent."),
      field(
        'imageFrom',
        'pid',
        'The caller, if the child inherits its image from it and not from the parent (CLONE_PARENT).',
      ),
      field('callerParent', 'pid', 'The parent of the calling process, if `isClaimed`.'),
      field('startMs', 'inode', 'When the process was created: CLOCK_BOOTTIME in milliseconds.'),
      field('parentStartMs', 'inode', 'When the parent was created: CLOCK_BOOTTIME in milliseconds.'),
      field('sid', 'id', 'The session id.'),
      field('pgid', 'id', 'The process group id.'),
      field('pidNamespace', 'inode', 'Inode number of the pid namespace.'),
      field('pidInNamespace', 'id', "The process's pid in its own pid namespace."),
      field(
        'isClaimed',
        'flag',
        "The pid is the number that the caller received. It is in the caller's pid namespace, which may not be the initial one.",
      ),
    ],
  },
  {
    name: 'exec',
    code: 2,
    description: 'A process executes a new image.',
    fields: [
      field(
        'groupsUntold',
        'flag',
        'Calls of setpgid are not recorded now, because there were too many. `details.pgid` was read from /proc at the exec; undefined if unknown.',
      ),
      field(
        'cgroupUntold',
        'flag',
        "The process may be in another control group than its creator. `details.cgroup` is '' if the group is unknown.",
      ),
      field(
        'isUnrecorded',
        'flag',
        'The kernel itself executes a helper without a system call, so audit has no record of it. Fields missing in `details` stay unknown.',
      ),
    ],
    details: 'optional',
  },
  {
    name: 'exit',
    code: 3,
    description: 'The last thread of a process has ended.',
    fields: [
      field('status', 'i32', 'As in wait(2): exit code << 8, or the signal in the low 7 bits.'),
      field('startMs', 'inode', 'When the process was created: CLOCK_BOOTTIME in milliseconds.'),
      field('sid', 'id', 'The session id.'),
      field('pgid', 'id', 'The process group id.'),
    ],
  },
  { name: 'setsid', code: 4, description: 'A process became the leader of a new session.', fields: [] },
  {
    name: 'loss',
    code: 5,
    description: 'Events of this source were lost before this point.',
    fields: [field('count', 'u32', 'How many events were lost, at least.')],
  },
  {
    name: 'clock',
    code: 6,
    description: 'The clock offset, at the beginning of a batch.',
    fields: [field('offset', 'measure', 'Unix ms minus CLOCK_BOOTTIME ms; undefined in a recorded log.')],
  },
  {
    name: 'setpgid',
    code: 7,
    description: 'setpgid(2) set the process group of a process. src/collect completes the event.',
    fields: [
      field(
        'pgid',
        'pid',
        "Undefined if the caller may be in another pid namespace. Then the pid is the caller's, and the group must be read from /proc.",
      ),
      field(
        'goneCaller',
        'pid',
        'The caller, if its pid namespace could not be read, as in a recorded log. The numbers are from that namespace; use them only if the caller could have set this group.',
      ),
      field('serial', 'u32', "Audit's serial number."),
    ],
  },
  {
    name: 'login',
    code: 8,
    description:
      "A login program (sshd, login, cron, sudo by PAM) reported that it opened a session: audit's USER_LOGIN and USER_START. The pid is the program's. One login often makes two events, the first without a terminal.",
    fields: [
      field('ses', 'id', "Audit's session id."),
      field('address', 'text', "Source address: IPv4 or IPv6, with its zone if it has one; '' if unknown or local."),
      field(
        'terminal',
        'terminal',
        "The terminal as the program reported it: pts/1 as in ExecDetails, or a word such as ssh or cron; '' if unknown.",
      ),
      field('exe', 'text', "Path of the program; '' if unknown."),
    ],
  },
  {
    name: 'snapshot',
    code: 9,
    description: 'A live process in a snapshot, at the start or after a loss.',
    fields: [
      field('parentStartMs', 'inode', 'When the parent was created: CLOCK_BOOTTIME in milliseconds.'),
      field('hasEnded', 'flag', 'A zombie: it has ended, and its parent has not waited for it.'),
      field('hasExecuted', 'flag', 'It has executed its image itself and did not inherit it at a fork.'),
    ],
    details: 'always',
  },
  {
    name: 'snapshotEnd',
    code: 10,
    description: 'All records of the requested snapshot came before this point, or were counted as lost.',
    fields: [field('isWhole', 'flag', 'Whether the snapshot has all processes.')],
  },
  {
    name: 'setid',
    code: 11,
    description: 'setuid(2) or a similar call changed user or group ids of a process, in the initial user namespace.',
    fields: [
      ...IDS.map((name) => field(name, 'id', 'After the call.')),
      ...IDS.map((name) => field(`${name}Before`, 'id', 'Before the call.')),
    ],
  },
];
