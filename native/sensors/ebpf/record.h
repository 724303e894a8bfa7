#pragma once

// What the kernel programs (programs/process.bpf.c) put into the ring, and RecordDecoder takes out. C, for
// both read it; all numbers are of the host's byte order, and every struct is a whole number of 8 bytes
// without padding of the compiler's.
#ifdef __bpf__
#include "programs/kernel.h"
#else
#include <linux/types.h>
#endif

#ifdef __cplusplus
namespace process_ancestry::ebpf {
#endif

enum RecordKind {
  kRecordFork = 1,
  kRecordExec = 2,
  kRecordExit = 3,
  kRecordSnapshot = 4,     // as an exec, of a process that lives
  kRecordArguments = 5,    // a piece of long arguments: before the exec that they belong to
  kRecordEnvironment = 6,  // likewise
  kRecordSession = 7,      // setsid(2) succeeded
};

enum RecordFlags {
  kFlagExeCut = 1 << 0,  // the walk from the file towards its root was too long: the beginning is missing
  kFlagCwdCut = 1 << 1,
  kFlagCgroupCut = 1 << 2,
  kFlagArgsCut = 1 << 3,       // over the limit, unreadable, or refused while the ring was half full
  kFlagIsDeleted = 1 << 4,     // the file has no name any more
  kFlagIsScript = 1 << 5,      // the kernel changed bprm->interp
  kFlagSecureExec = 1 << 6,    // AT_SECURE
  kFlagUpperLayer = 1 << 7,    // of an overlay
  kFlagByDescriptor = 1 << 8,  // execveat with a descriptor
  kFlagHasEnded = 1 << 9,      // of a snapshot: a zombie
  kFlagHasExecuted = 1 << 10,  // of a snapshot
};

enum {
  kPathMaxBytes = 4096,
  kNameMaxBytes = 4096,
  kArgsInlineBytes = 8192,
  kChunkBytes = 16384,
  // Three walks, each of which may go a component over its limit, and the name.
  kTextsMaxBytes = 20480,
  kNotMet = 0xffffffff,  // exe_root, cwd_root: the walk did not come by the process's root directory
};

// The state of the reader, in memory that it shares with the programs.
enum ReaderState {
  kReaderBusy = 0,  // it looks again by itself
  kReaderIdle = 1,  // it sleeps until something comes
  kReaderNaps = 2,  // it sleeps for a while, or until much has come
};

struct RecordHeader {
  __u32 kind, flags;
  __u64 time_ns;   // CLOCK_BOOTTIME
  __u64 start_ns;  // of the process: start_boottime of its leader
  __u32 pid;       // tgid in the initial namespace, as all pids here
  __u32 parent;    // real_parent
  __u64 parent_start_ns;
  __u32 lost;    // records that found no room until now, on all processors: wraps
  __u32 caller;  // of a fork: who called, which is not the parent with CLONE_PARENT
};

struct GroupFacts {
  __u32 sid, pgid, pid_namespace, pid_in_namespace;
};

struct ForkRecord {
  struct RecordHeader header;
  struct GroupFacts groups;
};

struct ExitRecord {
  struct RecordHeader header;
  struct GroupFacts groups;
  __s32 status;  // as wait(2) gives it
  __u32 unused;
};

struct ChunkRecord {
  struct RecordHeader header;
  __u32 offset, size;
  __u8 data[kChunkBytes];
};

struct DescriptorFacts {
  __u32 mode;    // i_mode; 0 if closed
  __u32 device;  // i_rdev, as the kernel has it: 12 bits major, 20 bits minor
};

// An image: of an exec or a snapshot. `data` holds the texts one after the other: exe, cwd, cgroup (each the
// names of its components, the last one first, a NUL after each), name, args.
struct ImageRecord {
  struct RecordHeader header;
  struct GroupFacts groups;
  __u32 uid, gid, euid, egid, suid, sgid, fsuid, fsgid, auid, ses;
  __u32 user_namespace, mount_namespace, network_namespace;
  __u32 exe_mount_namespace;  // that of the mount which the walk from the file ended in
  __u32 tty_major, tty_minor;
  __u32 mode, owner_uid, owner_gid, device, link_count, file_system;  // file_system: s_magic
  __u64 inode, size;
  __s64 atime, mtime, ctime;
  __u32 ctime_ns, cgroup_hierarchy;
  __u64 cgroup_id;
  __u64 capabilities_permitted, capabilities_effective;
  struct DescriptorFacts descriptors[3];
  __u32 args_count, env_count;
  __u64 args_bytes, env_bytes;          // in the memory of the process, with the NUL after each
  __u32 args_in_chunks, env_in_chunks;  // bytes that kRecordArguments and kRecordEnvironment told before
  __u32 exe_bytes, cwd_bytes, cgroup_bytes, name_bytes, args_inline_bytes;
  __u32 exe_root, cwd_root;  // where in the components the process's root directory is: kNotMet if nowhere
  __u32 unused;
  char comm[16], tty[16];
  __u8 data[kTextsMaxBytes + kArgsInlineBytes];
};

#ifdef __cplusplus
}  // namespace process_ancestry::ebpf
#endif
