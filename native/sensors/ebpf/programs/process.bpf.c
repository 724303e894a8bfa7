// The kernel side of the eBPF sensor. It writes complete records of process events, in order, into one ring.
// The programs only read. They are compiled ahead into generated/process_programs.lskel.h: see generate.sh.
#include "../record.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

// Helpers that read kernel memory need a GPL-compatible program (kernel/trace/bpf_trace.c, gpl_only).
char LICENSE[] SEC("license") = "Dual MIT/GPL";

enum {
  kMaxComponents = 128,
  kComponentBytes = 256,  // NAME_MAX and a NUL
  kMaxCgroupDepth = 32,
  kMaxChunks = 128,
  // Bits in a walk's result, next to the end of the written bytes.
  kWalkAlone = 1 << 28,
  kWalkDone = 1 << 29,
  kWalkCut = 1 << 30,
  kWalkEnd = kWalkAlone - 1,
};

// From the kernel's headers.
enum {
  kCloneThread = 0x10000,     // linux/sched.h, CLONE_THREAD
  kForkNoExec = 0x40,         // PF_FORKNOEXEC
  kKernelThread = 0x200000,   // PF_KTHREAD
  kSignalGroupExit = 0x4,     // linux/sched/signal.h, SIGNAL_GROUP_EXIT
  kProcessGroup = 2,          // linux/pid_types.h, PIDTYPE_PGID
  kSession = 3,               // PIDTYPE_SID
  kOverlayMagic = 0x794c7630  // linux/magic.h, OVERLAYFS_SUPER_MAGIC
};

// Global functions take only numbers, so their data are here.
struct Work {
  u64 dentry, vfsmount, root_dentry, root_vfsmount, kernfs_node;
  u64 chunk_from;
  u32 chunk_left, chunk_done, chunk_kind;
  u32 root_at, mount_namespace, unused;
  union {
    struct ImageRecord image;
    struct ChunkRecord chunk;
  };
};

// A tracepoint program is not preempted by another one on its processor, but the iterator program is. So each
// has its own Work.
enum { kOfExec = 0, kOfSnapshot = 1 };

struct CgroupKey {
  u64 id;
  u32 hierarchy, unused;
};

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 8 << 20);
} ring SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 2);
  __type(key, u32);
  __type(value, struct Work);
} work_of SEC(".maps");
// Control groups whose path was reported.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct CgroupKey);
  __type(value, u32);
} told_cgroups SEC(".maps");
// By pid: the ids before a call that may change them. An entry lives as long as the call.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, u32);
  __type(value, struct IdFacts);
} ids_before SEC(".maps");

// Shared with the reader.
__u32 reader_state = kReaderBusy;
__u32 lost = 0;
__u64 newtasks = 0;

// Options, set before the load.
const volatile __u32 args_max_bytes = 128 << 10;
const volatile __u32 env_max_bytes = 0;
const volatile __u32 wake_at_bytes = 1 << 20;       // waiting bytes that wake a napping reader
const volatile __u32 no_chunks_at_bytes = 4 << 20;  // waiting bytes above which chunks are not written

// Checks that a number is within bounds, for the verifier. The verifier of 6.1 does not track copies of a
// checked register, so the compared register must be the used one.
#define WITHIN(number, most)         \
  ({                                 \
    asm volatile("" : "+r"(number)); \
    (number) <= (most);              \
  })

// Wakes a sleeping reader. The commit of its record was a full barrier (kernel/bpf/ringbuf.c): either the
// reader sees the record before it sleeps, or we see that it sleeps. Only the first caller wakes it. Much
// data ends a nap, and so does an urgent record.
static __always_inline void wake_reader(bool is_urgent) {
  u32 state = *(volatile __u32*)&reader_state;
  if (state == kReaderBusy) return;
  if (state == kReaderNaps && !is_urgent && bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) < wake_at_bytes)
    return;
  // Only a record can wake the reader: write one that the reader skips.
  void* nothing = bpf_ringbuf_reserve(&ring, 8, 0);
  if (!nothing) return;
  if (__sync_val_compare_and_swap(&reader_state, state, kReaderBusy) == state) {
    bpf_ringbuf_discard(nothing, BPF_RB_FORCE_WAKEUP);
  } else {
    bpf_ringbuf_discard(nothing, BPF_RB_NO_WAKEUP);
  }
}

// Whether a record tells of an exec of OpenSSH's server: its connection is read while it lives.
static __always_inline bool is_urgent(struct RecordHeader* record) {
  if (record->kind != kRecordExec) return 0;
  char comm[16] = {};
  bpf_get_current_comm(comm, sizeof comm);
  return comm[0] == 's' && comm[1] == 's' && comm[2] == 'h' && comm[3] == 'd';
}

// Returns whether the record fit.
static __always_inline bool put(struct RecordHeader* record, u64 bytes) {
  record->lost = *(volatile __u32*)&lost;
  bool has_room = bpf_ringbuf_output(&ring, record, bytes, BPF_RB_NO_WAKEUP) == 0;
  if (!has_room) __sync_fetch_and_add(&lost, 1);
  wake_reader(is_urgent(record));
  return has_room;
}

static __always_inline void begin(struct RecordHeader* header, u32 kind, struct task_struct* task) {
  struct task_struct *leader = task->group_leader, *parent = leader->real_parent;
  header->kind = kind;
  header->flags = 0;
  header->time_ns = bpf_ktime_get_boot_ns();
  header->start_ns = leader->start_boottime;
  header->pid = task->tgid;
  header->parent = parent->tgid;
  header->parent_start_ns = parent->group_leader->start_boottime;
  header->caller = 0;
}

static __always_inline u32 group_of(struct task_struct* task, int type) {
  struct pid* pid = task->signal->pids[type];
  return pid ? (u32)pid->numbers[0].nr : 0;
}

static __always_inline u32 level_of(struct task_struct* task) {
  return BPF_CORE_READ(task, group_leader, thread_pid, level);
}

// The namespaces of a process that its parent is not in. A pid namespace has the level of its depth, and a
// child is in the namespace of its parent or below it.
static __always_inline u32 new_namespaces_of(struct task_struct* task) {
  struct task_struct* parent = task->group_leader->real_parent;
  struct nsproxy *own = task->nsproxy, *its = parent->nsproxy;
  // The parent is ending.
  if (!own || !its) return kNotMet;
  u32 are_new = 0;
  if (level_of(task) != level_of(parent)) are_new |= kNewPid;
  if (task->cred->user_ns != parent->cred->user_ns) are_new |= kNewUser;
  if (own == its) return are_new;
  if (own->mnt_ns != its->mnt_ns) are_new |= kNewMount;
  if (own->net_ns != its->net_ns) are_new |= kNewNetwork;
  if (own->ipc_ns != its->ipc_ns) are_new |= kNewIpc;
  if (own->uts_ns != its->uts_ns) are_new |= kNewUts;
  if (own->cgroup_ns != its->cgroup_ns) are_new |= kNewCgroup;
  if (own->time_ns != its->time_ns) are_new |= kNewTime;
  return are_new;
}

static __always_inline void read_groups(struct GroupFacts* groups, struct task_struct* task) {
  groups->sid = group_of(task, kSession);
  groups->pgid = group_of(task, kProcessGroup);
  // Computes with numbers: 6.1 allows no arithmetic on a pointer to a struct pid.
  struct pid* pid = BPF_CORE_READ(task, group_leader, thread_pid);
  u64 own = (u64)pid + bpf_core_field_offset(struct pid, numbers) +
            (u64)BPF_CORE_READ(pid, level) * bpf_core_type_size(struct upid);
  struct pid_namespace* namespace = 0;
  groups->pid_in_namespace = 0;
  bpf_probe_read_kernel(&groups->pid_in_namespace, 4, (void*)(own + bpf_core_field_offset(struct upid, nr)));
  bpf_probe_read_kernel(&namespace, 8, (void*)(own + bpf_core_field_offset(struct upid, ns)));
  groups->pid_namespace = BPF_CORE_READ(namespace, ns.inum);
}

// Appends a name and a NUL. Returns the new end, or `at` if there is no room or no name.
static __always_inline u64 append_name(struct Work* work, u64 at, const void* name) {
  if (!WITHIN(at, kTextsMaxBytes - kNameMaxBytes)) return at;
  long bytes = bpf_probe_read_kernel_str(work->image.data + at, kComponentBytes, name);
  return bytes > 0 && bytes <= kComponentBytes ? at + bytes : at;
}

// Loop bodies are separate functions, so the verifier checks them once and not in every iteration.

// One step from a dentry up to the root of its mount namespace. Does what d_path does (fs/d_path.c), which
// tracepoint programs may not call. Returns the new end, with kWalkDone at the root.
__noinline int step_up(u32 from, u32 at, u32 whose) {
  struct Work* work = bpf_map_lookup_elem(&work_of, &whose);
  if (!work) return at | kWalkDone;
  struct dentry* dentry = (void*)work->dentry;
  u64 vfsmount = work->vfsmount, offset_in_mount = bpf_core_field_offset(struct mount, mnt);
  if ((u64)dentry == work->root_dentry && vfsmount == work->root_vfsmount && work->root_at == kNotMet) {
    work->root_at = at - from;
  }
  struct dentry* top = BPF_CORE_READ((struct vfsmount*)vfsmount, mnt_root);
  struct dentry* parent = BPF_CORE_READ(dentry, d_parent);
  if (dentry != top) {
    u64 end = append_name(work, at, BPF_CORE_READ(dentry, d_name.name));
    // A file without a directory has only a name (fs/file_table.c, alloc_file_pseudo). The only such files
    // that can be executed are those of memfd_create(2).
    if (dentry == parent) return end | kWalkDone | kWalkAlone;
    work->dentry = (u64)parent;
    return end == at ? at | kWalkDone | kWalkCut : end;
  }
  struct mount *mount = (void*)(vfsmount - offset_in_mount), *above = BPF_CORE_READ(mount, mnt_parent);
  if (above == mount || !above) {
    work->mount_namespace = BPF_CORE_READ(mount, mnt_ns, ns.inum);
    return at | kWalkDone;
  }
  work->dentry = (u64)BPF_CORE_READ(mount, mnt_mountpoint);
  work->vfsmount = (u64)above + offset_in_mount;
  return at;
}

// Walks to the root. Returns the end of the written bytes, with kWalkCut if the path is incomplete and
// kWalkAlone if the file has no directory.
__noinline int walk_path(u32 from, u32 whose) {
  struct Work* work = bpf_map_lookup_elem(&work_of, &whose);
  if (!work) return from;
  work->root_at = kNotMet;
  work->mount_namespace = 0;
  int at = from;
  for (int i = 0; i < kMaxComponents; i++) {
    at = step_up(from, at, whose);
    if (at & kWalkDone) return at & ~kWalkDone;
    if (at - from > kPathMaxBytes) break;
  }
  return at | kWalkCut;
}

// One step from a control group up to the root of its hierarchy.
__noinline int step_up_cgroup(u32 at, u32 whose) {
  struct Work* work = bpf_map_lookup_elem(&work_of, &whose);
  if (!work) return at | kWalkDone;
  struct kernfs_node *node = (void*)work->kernfs_node, *parent;
  if (bpf_core_field_exists(struct kernfs_node, __parent)) {
    parent = BPF_CORE_READ(node, __parent);
  } else {
    parent = BPF_CORE_READ((struct kernfs_node___old*)node, parent);
  }
  if (!parent) return at | kWalkDone;
  u64 end = append_name(work, at, BPF_CORE_READ(node, name));
  work->kernfs_node = (u64)parent;
  return end == at ? at | kWalkDone | kWalkCut : end;
}

__noinline int walk_cgroup(u32 from, u32 whose) {
  int at = from;
  for (int i = 0; i < kMaxCgroupDepth; i++) {
    at = step_up_cgroup(at, whose);
    if (at & kWalkDone) return at & ~kWalkDone;
    if (at - from > kPathMaxBytes) break;
  }
  return at | kWalkCut;
}

static __always_inline void read_ids(struct IdFacts* ids, const struct cred* cred) {
  ids->uid = cred->uid.val;
  ids->gid = cred->gid.val;
  ids->euid = cred->euid.val;
  ids->egid = cred->egid.val;
  ids->suid = cred->suid.val;
  ids->sgid = cred->sgid.val;
  ids->fsuid = cred->fsuid.val;
  ids->fsgid = cred->fsgid.val;
}

static __always_inline void read_credentials(struct ImageRecord* image, struct task_struct* task) {
  const struct cred* cred = task->cred;
  read_ids(&image->ids, cred);
  image->user_namespace = cred->user_ns->ns.inum;
  image->capabilities_permitted = image->capabilities_effective = 0;
  bpf_probe_read_kernel(&image->capabilities_permitted, 8, &cred->cap_permitted);
  bpf_probe_read_kernel(&image->capabilities_effective, 8, &cred->cap_effective);
  // A kernel without audit has neither field.
  image->auid = bpf_core_field_exists(task->loginuid) ? task->loginuid.val : -1;
  image->ses = bpf_core_field_exists(task->sessionid) ? task->sessionid : -1;
}

static __always_inline void read_namespaces(struct ImageRecord* image, struct task_struct* task) {
  image->mount_namespace = image->network_namespace = 0;
  struct nsproxy* nsproxy = task->nsproxy;  // none once it exits
  if (!nsproxy) return;
  image->mount_namespace = BPF_CORE_READ(nsproxy, mnt_ns, ns.inum);
  image->network_namespace = BPF_CORE_READ(nsproxy, net_ns, ns.inum);
}

static __always_inline void read_terminal(struct ImageRecord* image, struct task_struct* task) {
  struct tty_struct* tty = task->signal->tty;
  image->tty_major = image->tty_minor = 0;
  image->tty[0] = 0;
  if (!tty) return;
  struct tty_driver* driver = BPF_CORE_READ(tty, driver);
  image->tty_major = BPF_CORE_READ(driver, major);
  image->tty_minor = BPF_CORE_READ(driver, minor_start) + BPF_CORE_READ(tty, index);
  bpf_probe_read_kernel_str(image->tty, sizeof image->tty, &tty->name);
}

static __always_inline void read_descriptors(struct ImageRecord* image, struct task_struct* task) {
  struct files_struct* files = task->files;
  struct file** table = files ? BPF_CORE_READ(files, fdt, fd) : 0;
  for (int i = 0; i < 3; i++) {
    struct file* file = 0;
    image->descriptors[i].mode = image->descriptors[i].device = 0;
    // No table is smaller than this (fs/file.c, NR_OPEN_DEFAULT).
    if (table) bpf_probe_read_kernel(&file, sizeof file, table + i);
    if (!file) continue;
    struct inode* inode = BPF_CORE_READ(file, f_inode);
    image->descriptors[i].mode = BPF_CORE_READ(inode, i_mode);
    image->descriptors[i].device = BPF_CORE_READ(inode, i_rdev);
  }
}

static __always_inline void read_times(struct ImageRecord* image, struct inode* inode) {
  if (bpf_core_field_exists(struct inode, i_ctime_sec)) {
    image->atime = inode->i_atime_sec;
    image->mtime = inode->i_mtime_sec;
    image->ctime = inode->i_ctime_sec;
    image->ctime_ns = inode->i_ctime_nsec;
    return;
  }
  struct inode___timespec* newer = (void*)inode;
  struct inode___old* old = (void*)inode;
  if (bpf_core_field_exists(struct inode___timespec, __i_ctime)) {
    image->ctime = BPF_CORE_READ(newer, __i_ctime.tv_sec);
    image->ctime_ns = BPF_CORE_READ(newer, __i_ctime.tv_nsec);
  } else {
    image->ctime = BPF_CORE_READ(old, i_ctime.tv_sec);
    image->ctime_ns = BPF_CORE_READ(old, i_ctime.tv_nsec);
  }
  if (bpf_core_field_exists(struct inode___timespec, __i_mtime)) {
    image->mtime = BPF_CORE_READ(newer, __i_mtime.tv_sec);
    image->atime = BPF_CORE_READ(newer, __i_atime.tv_sec);
  } else {
    image->mtime = BPF_CORE_READ(old, i_mtime.tv_sec);
    image->atime = BPF_CORE_READ(old, i_atime.tv_sec);
  }
}

static __always_inline bool is_in_upper_layer(struct inode* inode) {
  if (!bpf_core_field_exists(struct ovl_inode, __upperdentry)) return 0;
  if (BPF_CORE_READ(inode, i_sb, s_magic) != kOverlayMagic) return 0;
  struct ovl_inode* overlay = (void*)((u64)inode - bpf_core_field_offset(struct ovl_inode, vfs_inode));
  return BPF_CORE_READ(overlay, __upperdentry) != 0;
}

static __always_inline void read_file(struct ImageRecord* image, struct file* file) {
  struct inode* inode = file->f_inode;
  image->mode = inode->i_mode;
  image->owner_uid = inode->i_uid.val;
  image->owner_gid = inode->i_gid.val;
  image->inode = inode->i_ino;
  image->size = inode->i_size;
  image->link_count = inode->i_nlink;
  image->device = inode->i_sb->s_dev;
  image->file_system = inode->i_sb->s_magic;
  read_times(image, inode);
  if (inode->i_nlink == 0 || !file->f_path.dentry->d_hash.pprev) image->header.flags |= kFlagIsDeleted;
  if (is_in_upper_layer(inode)) image->header.flags |= kFlagUpperLayer;
}

static __always_inline void forget_file(struct ImageRecord* image) {
  image->mode = image->owner_uid = image->owner_gid = image->device = image->link_count = 0;
  image->file_system = image->ctime_ns = 0;
  image->inode = image->size = 0;
  image->atime = image->mtime = image->ctime = 0;
}

// The deeper of two groups of a process in different hierarchies: see cgroup_path in procfs/cgroup.cc.
#define DEEPER(group, set, controller)                                                    \
  ({                                                                                      \
    struct cgroup* deepest = (group);                                                     \
    if (bpf_core_enum_value_exists(enum cgroup_subsys_id, controller)) {                  \
      struct cgroup_subsys_state* state = 0;                                              \
      u64 at = (u64)(set) + bpf_core_field_offset(struct css_set, subsys) +               \
               8 * (u64)bpf_core_enum_value(enum cgroup_subsys_id, controller);           \
      bpf_probe_read_kernel(&state, 8, (void*)at);                                        \
      struct cgroup* other = BPF_CORE_READ(state, cgroup);                                \
      if (other && other != deepest) {                                                    \
        has_more = 1;                                                                     \
        if (BPF_CORE_READ(other, level) > BPF_CORE_READ(deepest, level)) deepest = other; \
      }                                                                                   \
    }                                                                                     \
    deepest;                                                                              \
  })

static __always_inline struct cgroup* cgroup_of(struct task_struct* task) {
  struct css_set* set = task->cgroups;
  struct cgroup* group = BPF_CORE_READ(set, dfl_cgrp);
  bool has_more = 0;
  group = DEEPER(group, set, pids_cgrp_id);
  group = DEEPER(group, set, memory_cgrp_id);
  group = DEEPER(group, set, devices_cgrp_id);
  // If a process is at the root of several hierarchies, its group is unknown.
  return has_more && BPF_CORE_READ(group, level) == 0 ? 0 : group;
}

// Fills in all fields of an image that a snapshot has too. Returns the end of the texts, 0 on error.
static __always_inline u64 describe(struct Work* work, u32 whose, struct task_struct* task,
                                    struct file* file) {
  struct ImageRecord* image = &work->image;
  read_groups(&image->groups, task);
  read_credentials(image, task);
  read_namespaces(image, task);
  read_terminal(image, task);
  read_descriptors(image, task);
  bpf_probe_read_kernel(image->comm, sizeof image->comm, &task->comm);
  image->args_count = image->env_count = kNotMet;
  image->args_bytes = image->env_bytes = 0;
  image->exe_bytes = image->cwd_bytes = image->cgroup_bytes = image->name_bytes = image->args_inline_bytes =
      0;
  image->exe_root = image->cwd_root = kNotMet;
  image->exe_mount_namespace = 0;
  image->new_namespaces = kNotMet;
  if (file) {
    read_file(image, file);
  } else {
    forget_file(image);
  }
  u64 at = 0;
  struct fs_struct* fs = task->fs;
  if (fs) {
    int end;
    work->root_dentry = (u64)fs->root.dentry;
    work->root_vfsmount = (u64)fs->root.mnt;
    if (file) {
      work->dentry = (u64)file->f_path.dentry;
      work->vfsmount = (u64)file->f_path.mnt;
      end = walk_path(0, whose);
      if (end & kWalkCut) image->header.flags |= kFlagExeCut;
      if (end & kWalkAlone) image->header.flags |= kFlagMemfd;
      at = end & kWalkEnd;
      image->exe_bytes = at;
      image->exe_root = work->root_at;
      image->exe_mount_namespace = work->mount_namespace;
      if (!WITHIN(at, kPathMaxBytes + kComponentBytes)) return 0;
    }
    work->dentry = (u64)fs->pwd.dentry;
    work->vfsmount = (u64)fs->pwd.mnt;
    end = walk_path(at, whose);
    if (end & kWalkCut) image->header.flags |= kFlagCwdCut;
    image->cwd_bytes = (end & kWalkEnd) - at;
    image->cwd_root = work->root_at;
    at = end & kWalkEnd;
    if (!WITHIN(at, 2 * (kPathMaxBytes + kComponentBytes))) return 0;
  }
  struct cgroup* group = cgroup_of(task);
  image->cgroup_id = 0;
  image->cgroup_hierarchy = 0;
  if (group) {
    struct CgroupKey key = {BPF_CORE_READ(group, kn, id), BPF_CORE_READ(group, root, hierarchy_id), 0};
    image->cgroup_id = key.id;
    image->cgroup_hierarchy = key.hierarchy;
    if (!bpf_map_lookup_elem(&told_cgroups, &key)) {
      work->kernfs_node = (u64)BPF_CORE_READ(group, kn);
      int end = walk_cgroup(at, whose);
      if (end & kWalkCut) image->header.flags |= kFlagCgroupCut;
      image->cgroup_bytes = (end & ~kWalkCut) - at;
      // The root has no name: report one empty name.
      at = end & ~kWalkCut;
      if (!WITHIN(at, kTextsMaxBytes - kNameMaxBytes)) return 0;
      if (image->cgroup_bytes == 0) {
        image->data[at] = 0;
        image->cgroup_bytes = 1;
        at++;
      }
    }
  }
  return at;
}

static __always_inline void put_image(struct Work* work, u64 texts_end) {
  struct ImageRecord* image = &work->image;
  u64 bytes = __builtin_offsetof(struct ImageRecord, data) + texts_end;
  if (!WITHIN(bytes, sizeof *image)) return;
  if (!put(&image->header, bytes) || image->cgroup_bytes == 0) return;
  struct CgroupKey key = {image->cgroup_id, image->cgroup_hierarchy, 0};
  u32 one = 1;
  bpf_map_update_elem(&told_cgroups, &key, &one, BPF_ANY);
}

// Writes the next piece of the arguments or the environment. False at the end.
__noinline int put_chunk(void) {
  u32 whose = kOfExec;
  struct Work* work = bpf_map_lookup_elem(&work_of, &whose);
  if (!work || work->chunk_left == 0) return 0;
  // Leave the room for other records.
  if (bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > no_chunks_at_bytes) return 0;
  struct ChunkRecord* chunk = &work->chunk;
  u64 bytes = work->chunk_left;
  if (bytes > kChunkBytes) bytes = kChunkBytes;
  if (!WITHIN(bytes, kChunkBytes)) return 0;
  if (bpf_probe_read_user(chunk->data, bytes, (void*)work->chunk_from) != 0) return 0;
  chunk->header.kind = work->chunk_kind;
  chunk->offset = work->chunk_done;
  chunk->size = bytes;
  u64 whole = __builtin_offsetof(struct ChunkRecord, data) + bytes;
  if (!WITHIN(whole, sizeof *chunk)) return 0;
  if (!put(&chunk->header, whole)) return 0;
  work->chunk_from += bytes;
  work->chunk_done += bytes;
  work->chunk_left -= bytes;
  return 1;
}

// Writes a part of the process's memory as chunks. Returns how many bytes were written.
static __always_inline u32 put_chunks(struct Work* work, u32 kind, u64 from, u32 bytes) {
  work->chunk_kind = kind;
  work->chunk_from = from;
  work->chunk_left = bytes;
  work->chunk_done = 0;
  for (int i = 0; i < kMaxChunks; i++) {
    if (!put_chunk()) break;
  }
  return work->chunk_done;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(on_newtask, struct task_struct* child, u64 clone_flags) {
  __sync_fetch_and_add(&newtasks, 1);
  if (clone_flags & kCloneThread) return 0;
  struct ForkRecord fork = {};
  begin(&fork.header, kRecordFork, child);
  fork.header.caller = bpf_get_current_task_btf()->tgid;
  read_groups(&fork.groups, child);
  put(&fork.header, sizeof fork);
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct* task) {
  struct signal_struct* signal = task->signal;
  // If two threads end at once, both may see 0 here. The reader ignores the second record.
  if (signal->live.counter != 0) return 0;
  struct ExitRecord exit = {};
  begin(&exit.header, kRecordExit, task);
  // As in wait(2) (kernel/exit.c, wait_task_zombie).
  exit.status = signal->flags & kSignalGroupExit ? signal->group_exit_code : task->group_leader->exit_code;
  read_groups(&exit.groups, task);
  put(&exit.header, sizeof exit);
  return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct* task, int old_pid, struct linux_binprm* bprm) {
  u32 whose = kOfExec;
  struct Work* work = bpf_map_lookup_elem(&work_of, &whose);
  if (!work) return 0;
  struct ImageRecord* image = &work->image;
  struct mm_struct* mm = task->mm;
  u64 args_from = mm->arg_start, args_bytes = mm->arg_end - args_from;
  u64 env_from = mm->env_start, env_bytes = mm->env_end - env_from;
  u32 args_told = args_bytes > args_max_bytes ? args_max_bytes : args_bytes;
  u32 args_inline = args_told > kArgsInlineBytes ? kArgsInlineBytes : args_told;
  u32 args_in_chunks = 0, env_in_chunks = 0;

  begin(&image->header, kRecordExec, task);
  if (args_told > args_inline) {
    args_in_chunks = put_chunks(work, kRecordArguments, args_from + args_inline, args_told - args_inline);
  }
  if (env_max_bytes > 0 && env_bytes > 0) {
    env_in_chunks =
        put_chunks(work, kRecordEnvironment, env_from, env_bytes > env_max_bytes ? env_max_bytes : env_bytes);
  }
  begin(&image->header, kRecordExec, task);
  u64 at = describe(work, whose, task, bprm->file);
  image->args_in_chunks = args_in_chunks;
  image->env_in_chunks = env_in_chunks;
  image->args_count = bprm->argc;
  image->env_count = bprm->envc;
  image->args_bytes = args_bytes;
  image->env_bytes = env_bytes;
  image->new_namespaces = new_namespaces_of(task);
  if (args_inline + args_in_chunks < args_bytes) image->header.flags |= kFlagArgsCut;
  if (bprm->interp != bprm->filename) image->header.flags |= kFlagIsScript;
  if (bprm->fdpath) image->header.flags |= kFlagByDescriptor;
  if (BPF_CORE_READ_BITFIELD_PROBED(bprm, secureexec)) image->header.flags |= kFlagSecureExec;
  if (!WITHIN(at, kTextsMaxBytes - kNameMaxBytes)) return 0;
  long name_bytes = bpf_probe_read_kernel_str(image->data + at, kNameMaxBytes, bprm->filename);
  if (name_bytes > 0 && name_bytes <= kNameMaxBytes) {
    image->name_bytes = name_bytes;
    at += name_bytes;
  }
  if (!WITHIN(at, kTextsMaxBytes)) return 0;
  u64 inline_bytes = args_inline;
  if (!WITHIN(inline_bytes, kArgsInlineBytes)) return 0;
  if (bpf_probe_read_user(image->data + at, inline_bytes, (void*)args_from) == 0) {
    image->args_inline_bytes = inline_bytes;
    at += inline_bytes;
  } else {
    image->header.flags |= kFlagArgsCut;
  }
  put_image(work, at);
  return 0;
}

// Returns one byte for each process, so that the reader can choose how many to read at a time.
SEC("iter/task")
int on_task(struct bpf_iter__task* context) {
  struct task_struct* task = context->task;
  if (!task || task->pid != task->tgid) return 0;
  u32 whose = kOfSnapshot;
  struct Work* work = bpf_map_lookup_elem(&work_of, &whose);
  if (!work) return 0;
  struct ImageRecord* image = &work->image;
  begin(&image->header, kRecordSnapshot, task);
  // A leader may end before its other threads. Its process then still lives.
  if (task->exit_state != 0 && task->signal->live.counter == 0) image->header.flags |= kFlagHasEnded;
  if (!(task->flags & (kForkNoExec | kKernelThread))) image->header.flags |= kFlagHasExecuted;
  struct mm_struct* mm = task->mm;
  u64 at = describe(work, whose, task, mm ? mm->exe_file : 0);
  image->args_in_chunks = image->env_in_chunks = 0;
  if (mm) {
    image->args_bytes = mm->arg_end - mm->arg_start;
    image->env_bytes = mm->env_end - mm->env_start;
  }
  put_image(work, at);
  char one = 1;
  bpf_seq_write(context->meta->seq, &one, 1);
  return 0;
}

// Attached only if session events are wanted: a tracepoint on one system call slows all of them.
SEC("tp/syscalls/sys_exit_setsid")
int on_setsid(void* context) {
  // include/trace/events/syscalls.h, sys_exit: 8 common bytes, then id, then ret.
  if (*(long*)(context + 16) < 0) return 0;
  struct task_struct* task = bpf_get_current_task_btf();
  struct ForkRecord session = {};
  begin(&session.header, kRecordSession, task);
  read_groups(&session.groups, task);
  put(&session.header, sizeof session);
  return 0;
}

// The programs below are attached only if changes of ids are wanted: to the begin and the end of setuid(2)
// and similar calls. A thread's ids are its own. A process has changed its ids if its leader has; the C
// library makes the call in all threads (man 7 nptl).

static __always_inline bool differ(struct IdFacts* one, struct IdFacts* other) {
  u64 *these = (void*)one, *those = (void*)other, difference = 0;
  for (int i = 0; i < (int)(sizeof *one / sizeof *these); i++) difference |= these[i] ^ those[i];
  return difference != 0;
}

SEC("tp/syscalls/sys_enter_setuid")
int on_setid_begins(void* context) {
  struct task_struct* task = bpf_get_current_task_btf();
  if (task->pid != task->tgid) return 0;
  u32 pid = task->pid;
  struct IdFacts ids;
  read_ids(&ids, task->cred);
  if (bpf_map_update_elem(&ids_before, &pid, &ids, BPF_ANY) != 0) __sync_fetch_and_add(&lost, 1);
  return 0;
}

SEC("tp/syscalls/sys_exit_setuid")
int on_setid_ends(void* context) {
  struct task_struct* task = bpf_get_current_task_btf();
  u32 pid = task->pid;
  // None for a call that began before the programs were attached.
  struct IdFacts* before = bpf_map_lookup_elem(&ids_before, &pid);
  if (!before) return 0;
  struct IdsRecord record = {};
  begin(&record.header, kRecordIds, task);
  record.before = *before;
  read_ids(&record.after, task->cred);
  bpf_map_delete_elem(&ids_before, &pid);
  // A call that fails, or sets the present ids, changes nothing.
  if (!differ(&record.before, &record.after)) return 0;
  put(&record.header, sizeof record);
  return 0;
}
