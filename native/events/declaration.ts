/**
 * Every event that a sensor can tell of, and every field of it: the one declaration from which `npm run generate` makes the
 * native structs and the packer (native/events/events.h, events.cc), the TypeScript types and the decoder
 * (src/collect/events.ts), and the samples of the round-trip test. The packed form is described in native/batch.h.
 */

/** '' stands for unknown. */
export const ENUMS = {
  ExecCall: ['', 'execve', 'execveat'],
  /** What is behind a descriptor. */
  DescriptorKind: ['', 'closed', 'tty', 'pipe', 'socket', 'file', 'null', 'other'],
} as const;

/**
 * How a field is packed, and what it is in TypeScript:
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
  /** The number in the header. Never used for another kind again. */
  readonly code: number;
  readonly description: string;
  readonly fields: readonly Field[];
  /** Whether it may carry ExecDetails: always, or only where they are known. */
  readonly details?: 'always' | 'optional';
}

const field = (name: string, type: FieldType, description: string): Field => ({ name, type, description });

/** Who tells. The index is the number in the header. */
export const SOURCES = ['none', 'proc_events', 'audit', 'ebpf'] as const;

export const EXEC_DETAILS: readonly Field[] = [
  field('serial', 'u32', "Audit's serial number of the event; 0 where there is none."),
  field(
    'ppid',
    'id',
    "The kernel's parent at the exec: an adoptive one counts. 0 for a process that the kernel itself made.",
  ),
  field('syscall', 'ExecCall', 'The system call.'),
  ...['auid', 'uid', 'gid', 'euid', 'suid', 'fsuid', 'egid', 'sgid', 'fsgid'].map((name) =>
    field(
      name,
      'id',
      name === 'auid' ? 'The login user id.' : 'As in man 7 credentials, in the initial user namespace.',
    ),
  ),
  field('ses', 'id', "Audit's session id."),
  field('mode', 'id', 'st_mode of the program.'),
  field('ownerUid', 'id', "The program file's owner."),
  field('ownerGid', 'id', "The program file's group."),
  field('atime', 'measure', 'Unix seconds.'),
  field('mtime', 'measure', 'Unix seconds.'),
  field('ctime', 'measure', 'Unix seconds.'),
  field('btime', 'measure', 'Unix seconds.'),
  field('inode', 'inode', "Of the program's file, where its times are known."),
  field('device', 'id', "Of the program's file, as stat(2) has st_dev: see deviceOf."),
  field('size', 'measure', "Bytes of the program's file."),
  field('linkCount', 'id', "Hard links to the program's file."),
  field('pidNamespace', 'inode', 'Inode number.'),
  field('userNamespace', 'inode', 'Inode number.'),
  field('mountNamespace', 'inode', 'Inode number.'),
  field('networkNamespace', 'inode', 'Inode number.'),
  field('pidInNamespace', 'id', 'The pid in its own pid namespace.'),
  field('sid', 'id', 'The session.'),
  field('pgid', 'id', 'The process group.'),
  field('ttyNr', 'id', "The controlling terminal's device number as in /proc/PID/stat; 0 for none."),
  field('startMs', 'inode', 'When the process was created: CLOCK_BOOTTIME in milliseconds.'),
  field('capPermitted', 'measure', 'Permitted capabilities, as bits (man 7 capabilities).'),
  field('capEffective', 'measure', 'Effective capabilities, as bits.'),
  field('stdinKind', 'DescriptorKind', 'What descriptor 0 is.'),
  field('stdoutKind', 'DescriptorKind', 'What descriptor 1 is.'),
  field('stderrKind', 'DescriptorKind', 'What descriptor 2 is.'),
  field('cgroupId', 'inode', 'Of the control group.'),
  field('argsCount', 'id', 'As the kernel counted them, also where `args` was cut.'),
  field('argsBytes', 'u32', 'Bytes of all arguments joined by one byte, before any cut.'),
  field('envCount', 'id', 'Variables of the environment.'),
  field('envBytes', 'id', 'Bytes of the environment.'),
  field('argsCut', 'flag', 'Arguments are missing or were cut.'),
  field('fromProcfs', 'flag', 'Read from /proc after the exec.'),
  field(
    'isDeleted',
    'flag',
    "The program's file had no name any more when it was executed, or never had one (a memfd).",
  ),
  field('isScript', 'flag', '`name` is a script, and the program its interpreter.'),
  field(
    'gainsPrivilege',
    'flag',
    'The exec gained privileges: set-user-id, set-group-id or file capabilities (AT_SECURE).',
  ),
  field(
    'isUpperLayer',
    'flag',
    'The program lies in the upper layer of an overlay: it was put there after the image was made.',
  ),
  field('pathCut', 'flag', '`path` or `cwd` is longer than the kernel programs follow, and lacks its beginning.'),
  field('comm', 'text', "The thread's name."),
  field('path', 'text', 'What the kernel loaded: for a script its interpreter.'),
  field('cwd', 'text', 'The working directory.'),
  field('tty', 'terminal', "As osquery shows it: pts/1, tty1; '' for none."),
  field('args', 'text', 'The arguments separated by NUL, without a trailing one.'),
  field('name', 'text', 'The name that was executed, as given to the system call: for a script the script.'),
  field('cgroup', 'text', "Control group: a path in its hierarchy. '' where it is not known."),
  field(
    'root',
    'text',
    "The root directory in which `path` is a path: / where the host's path leads to the executed file, the host's path of a chroot, mnt:[INODE] for another mount namespace. '' where it is not known.",
  ),
  field('environment', 'text', 'Variables that were asked for, NAME=value, separated by NUL.'),
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
        "Whose image the child inherits where that is not the parent's (CLONE_PARENT): the caller.",
      ),
      field('callerParent', 'pid', 'The parent of the process that called, where `isClaimed`.'),
      field('startMs', 'inode', 'When the process was created: CLOCK_BOOTTIME in milliseconds.'),
      field('parentStartMs', 'inode', "The parent's start, likewise."),
      field('sid', 'id', 'The session.'),
      field('pgid', 'id', 'The process group.'),
      field('pidNamespace', 'inode', 'Inode number.'),
      field('pidInNamespace', 'id', 'The pid in its own pid namespace.'),
      field(
        'isClaimed',
        'flag',
        "The pid is only what the caller was given: a number of the caller's own pid namespace, which may be another than the initial one.",
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
        'Calls of setpgid are not recorded now, because there were too many: `details.pgid` is what /proc said at the exec; undefined where the group is unknown.',
      ),
      field(
        'cgroupUntold',
        'flag',
        "The process may be in another control group than its creator; `details.cgroup` is '' where that group is unknown.",
      ),
      field(
        'isUnrecorded',
        'flag',
        'The kernel itself executes a helper: no system call does it, so audit has no record of it. What `details` lack stays unknown.',
      ),
    ],
    details: 'optional',
  },
  {
    name: 'exit',
    code: 3,
    description: 'The last thread of a process has ended.',
    fields: [
      field('status', 'i32', 'As wait(2) gives it: exit code << 8, or the signal in the low 7 bits.'),
      field('startMs', 'inode', 'When the process was created: CLOCK_BOOTTIME in milliseconds.'),
      field('sid', 'id', 'The session.'),
      field('pgid', 'id', 'The process group.'),
    ],
  },
  { name: 'setsid', code: 4, description: 'A process became the leader of a new session.', fields: [] },
  {
    name: 'loss',
    code: 5,
    description: 'Events of this source were lost before this point.',
    fields: [field('count', 'u32', 'How many, at least.')],
  },
  {
    name: 'clock',
    code: 6,
    description: 'The clocks, at the beginning of a batch.',
    fields: [field('offset', 'measure', 'Unix ms minus CLOCK_BOOTTIME ms; undefined in a recorded log.')],
  },
  {
    name: 'setpgid',
    code: 7,
    description: 'The process group of a process was set by setpgid(2). Half of an event: see src/collect.',
    fields: [
      field(
        'pgid',
        'pid',
        'Undefined where the caller may count pids of another namespace: then the pid is the caller, and what was set is to be read from /proc.',
      ),
      field(
        'goneCaller',
        'pid',
        'The caller, where its namespace could not be read, as in a recorded log: the numbers are as it counted them, and to be believed only where it could have done that.',
      ),
      field('serial', 'u32', "Audit's serial number."),
    ],
  },
  {
    name: 'login',
    code: 8,
    description:
      "A program that lets people in (sshd, login, cron, sudo by PAM) said that it opened a session: audit's USER_LOGIN and USER_START. The pid is that program's. Of one login there are often two, the first without a terminal.",
    fields: [
      field('ses', 'id', "Audit's session id."),
      field(
        'address',
        'text',
        "IPv4 or IPv6 (with its zone, where it has one) of where it came from; '' if that is not known, or local.",
      ),
      field(
        'terminal',
        'terminal',
        "As the program names it: a terminal as in ExecDetails (pts/1), or a word such as ssh or cron; '' if unknown.",
      ),
      field('exe', 'text', "The program; '' if unknown."),
    ],
  },
  {
    name: 'snapshot',
    code: 9,
    description: 'A process that lives, as it is now: of the snapshot at the start, and of the one after a loss.',
    fields: [
      field('parentStartMs', 'inode', "The parent's start: CLOCK_BOOTTIME in milliseconds."),
      field('hasEnded', 'flag', 'A zombie: dead, and not yet waited for.'),
      field('hasExecuted', 'flag', 'It has executed its image itself: not what it was forked with.'),
    ],
    details: 'always',
  },
  {
    name: 'snapshotEnd',
    code: 10,
    description: 'All records of the snapshot that was asked for were told before this point, or are counted as lost.',
    fields: [field('isWhole', 'flag', 'Whether all processes could be gone through.')],
  },
];
