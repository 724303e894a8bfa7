#pragma once

// Records that the kernel programs (programs/process.bpf.c) write into the ring and RecordDecoder reads. Both
// include this file, so it is C. Numbers are in the host's byte order. Every struct is a multiple of 8 bytes
// and has no compiler padding.
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
  kRecordSnapshot = 4,     // like an exec, for a live process
  kRecordArguments = 5,    // a piece of long arguments, before its exec
  kRecordEnvironment = 6,  // a piece of the environment, before its exec
  kRecordSession = 7,      // setsid(2) succeeded
  kRecordIds = 8,          // setuid(2) or a similar call changed ids
};

enum RecordFlags {
  kFlagExeCut = 1 << 0,  // the walk from the file to the root was too long: the path lacks its beginning
  kFlagCwdCut = 1 << 1,
  kFlagCgroupCut = 1 << 2,
  kFlagArgsCut = 1 << 3,       // over the limit, unreadable, or not copied because the ring was half full
  kFlagIsDeleted = 1 << 4,     // the file has no name any more
  kFlagIsScript = 1 << 5,      // the kernel changed bprm->interp
  kFlagSecureExec = 1 << 6,    // AT_SECURE
  kFlagUpperLayer = 1 << 7,    // in the upper layer of an overlay
  kFlagByDescriptor = 1 << 8,  // execveat with a descriptor
  kFlagHasEnded = 1 << 9,      // in a snapshot: a zombie
  kFlagHasExecuted = 1 << 10,  // in a snapshot
  kFlagMemfd = 1 << 11,        // the file was made by memfd_create(2)
};

enum {
  kPathMaxBytes = 4096,
  kNameMaxBytes = 4096,
  kArgsInlineBytes = 8192,
  kChunkBytes = 16384,
  // Three walks, each at most one component over its limit, and the name.
  kTextsMaxBytes = 20480,
  // exe_root, cwd_root: the walk did not meet the process's root directory. Other numbers: unknown.
  kNotMet = 0xffffffff,
};

// Bits of `new_namespaces`.
enum NewNamespaces {
  kNewMount = 1 << 0,
  kNewPid = 1 << 1,
  kNewNetwork = 1 << 2,
  kNewUser = 1 << 3,
  kNewIpc = 1 << 4,
  kNewUts = 1 << 5,
  kNewCgroup = 1 << 6,
  kNewTime = 1 << 7,
};

// The reader's state, in memory shared with the programs.
enum ReaderState {
  kReaderBusy = 0,  // it will check the ring itself
  kReaderIdle = 1,  // it sleeps until a record comes
  kReaderNaps = 2,  // it sleeps for a limited time, or until much waits
};

struct RecordHeader {
  __u32 kind, flags;
  __u64 time_ns;   // CLOCK_BOOTTIME
  __u64 start_ns;  // start_boottime of the process's leader
  __u32 pid;       // tgid in the initial namespace, like all pids here
  __u32 parent;    // real_parent
  __u64 parent_start_ns;
  __u32 lost;    // records that did not fit so far, on all processors; wraps around
  __u32 caller;  // of a fork: the calling process; with CLONE_PARENT not the parent
};

struct GroupFacts {
  __u32 sid, pgid, pid_namespace, pid_in_namespace;
};

struct ForkRecord {
  struct RecordHeader header;
  struct GroupFacts groups;
};

struct IdFacts {
  __u32 uid, gid, euid, egid, suid, sgid, fsuid, fsgid;
};

struct IdsRecord {
  struct RecordHeader header;
  struct IdFacts before, after;
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
  __u32 device;  // i_rdev in the kernel's form: 12 bits major, 20 bits minor
};

// The image of an exec or a snapshot. `data` holds the texts in this order: exe, cwd, cgroup, name, args. The
// first three are names of components, the last one first, a NUL after each.
struct ImageRecord {
  struct RecordHeader header;
  struct GroupFacts groups;
  struct IdFacts ids;
  __u32 auid, ses;
  __u32 user_namespace, mount_namespace, network_namespace;
  __u32 exe_mount_namespace;  // of the mount at the end of the walk from the file
  __u32 tty_major, tty_minor;
  __u32 mode, owner_uid, owner_gid, device, link_count, file_system;  // file_system: s_magic
  __u64 inode, size;
  __s64 atime, mtime, ctime;
  __u32 ctime_ns, cgroup_hierarchy;
  __u64 cgroup_id;
  __u64 capabilities_permitted, capabilities_effective;
  struct DescriptorFacts descriptors[3];
  __u32 args_count, env_count;
  __u64 args_bytes, env_bytes;          // in the process's memory, with the NULs
  __u32 args_in_chunks, env_in_chunks;  // bytes in earlier kRecordArguments and kRecordEnvironment records
  __u32 exe_bytes, cwd_bytes, cgroup_bytes, name_bytes, args_inline_bytes;
  __u32 exe_root, cwd_root;  // offset of the process's root directory in the components, or kNotMet
  __u32 new_namespaces;      // NewNamespaces that the parent is not in; kNotMet if unknown
  char comm[16], tty[16];
  __u8 data[kTextsMaxBytes + kArgsInlineBytes];
};

#ifdef __cplusplus
}  // namespace process_ancestry::ebpf
#endif
