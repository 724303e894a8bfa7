#pragma once

// The kernel types that the programs read. CO-RE resolves each field by name at load time, so the order and
// size of these structs do not matter. A type name that ends in ___SOMETHING is the form of another release.

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef __u16 __sum16;
typedef __u32 u32;
typedef __u64 u64;
typedef _Bool bool;

enum {
  BPF_MAP_TYPE_HASH = 1,
  BPF_MAP_TYPE_PERCPU_ARRAY = 6,
  BPF_MAP_TYPE_LRU_HASH = 9,
  BPF_MAP_TYPE_RINGBUF = 27
};
enum { BPF_ANY = 0 };
enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2, BPF_RB_AVAIL_DATA = 0 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
  int counter;
} atomic_t;
typedef struct {
  u32 val;
} kuid_t;
typedef struct {
  u32 val;
} kgid_t;
// An array of two numbers before 6.3, with the same bytes on a little-endian host.
typedef struct {
  u64 val;
} kernel_cap_t;

struct ns_common {
  unsigned int inum;
};
struct pid_namespace {
  struct ns_common ns;
};
struct user_namespace {
  struct ns_common ns;
};
struct mnt_namespace {
  struct ns_common ns;
};
struct net {
  struct ns_common ns;
};
struct nsproxy {
  struct mnt_namespace* mnt_ns;
  struct net* net_ns;
  void *ipc_ns, *uts_ns, *cgroup_ns, *time_ns;
};
struct upid {
  int nr;
  struct pid_namespace* ns;
};
struct pid {
  unsigned int level;
  struct upid numbers[1];
};

struct qstr {
  const unsigned char* name;
};
struct super_block {
  u32 s_dev;
  unsigned long s_magic;
};
struct timespec64 {
  __s64 tv_sec;
  long tv_nsec;
};
struct inode {
  __u16 i_mode;
  kuid_t i_uid;
  kgid_t i_gid;
  struct super_block* i_sb;
  unsigned long i_ino;
  unsigned int i_nlink;
  u32 i_rdev;
  __s64 i_size;
  // 6.11 and later
  __s64 i_atime_sec, i_mtime_sec, i_ctime_sec;
  u32 i_ctime_nsec;
};
// 6.7 to 6.10. 6.6 has only the last field.
struct inode___timespec {
  struct timespec64 __i_atime, __i_mtime, __i_ctime;
};
struct inode___old {
  struct timespec64 i_atime, i_mtime, i_ctime;
};
struct dentry {
  struct dentry* d_parent;
  struct qstr d_name;
  struct {
    void* pprev;
  } d_hash;
};
struct vfsmount {
  struct dentry* mnt_root;
};
struct mount {
  struct mount* mnt_parent;
  struct dentry* mnt_mountpoint;
  struct vfsmount mnt;
  struct mnt_namespace* mnt_ns;
};
struct path {
  struct vfsmount* mnt;
  struct dentry* dentry;
};
struct file {
  struct path f_path;
  struct inode* f_inode;
};
struct fs_struct {
  struct path root, pwd;
};
struct fdtable {
  struct file** fd;
};
struct files_struct {
  struct fdtable* fdt;
};
// fs/overlayfs/ovl_entry.h. Resolved only if overlayfs is built in or loaded before the programs.
struct ovl_inode {
  struct inode vfs_inode;
  struct dentry* __upperdentry;
};

struct mm_struct {
  unsigned long arg_start, arg_end, env_start, env_end;
  struct file* exe_file;
};
struct cred {
  kuid_t uid;
  kgid_t gid;
  kuid_t suid;
  kgid_t sgid;
  kuid_t euid;
  kgid_t egid;
  kuid_t fsuid;
  kgid_t fsgid;
  kernel_cap_t cap_permitted, cap_effective;
  struct user_namespace* user_ns;
};
struct tty_driver {
  int major, minor_start;
};
struct tty_struct {
  int index;
  struct tty_driver* driver;
  char name[64];
};
struct signal_struct {
  atomic_t live;
  int group_exit_code;
  unsigned int flags;
  struct pid* pids[4];
  struct tty_struct* tty;
};
// 6.15 and later
struct kernfs_node {
  struct kernfs_node* __parent;
  const char* name;
  u64 id;
};
struct kernfs_node___old {
  struct kernfs_node* parent;
};
struct cgroup_root {
  int hierarchy_id;
};
struct cgroup {
  struct kernfs_node* kn;
  struct cgroup_root* root;
  int level;
};
struct cgroup_subsys_state {
  struct cgroup* cgroup;
};
struct css_set {
  struct cgroup_subsys_state* subsys[16];
  struct cgroup* dfl_cgrp;
};
struct task_struct {
  int pid, tgid;
  u64 start_boottime;
  int exit_code, exit_state;
  unsigned int flags;
  struct task_struct *real_parent, *group_leader;
  struct mm_struct* mm;
  const struct cred* cred;
  struct signal_struct* signal;
  struct pid* thread_pid;
  kuid_t loginuid;
  unsigned int sessionid;
  struct fs_struct* fs;
  struct files_struct* files;
  struct nsproxy* nsproxy;
  struct css_set* cgroups;
  char comm[16];
};
struct linux_binprm {
  unsigned int secureexec : 1;
  struct file* file;
  int argc, envc;
  const char *filename, *interp, *fdpath;
};
struct seq_file;
struct bpf_iter_meta {
  struct seq_file* seq;
};
struct bpf_iter__task {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
};

#pragma clang attribute pop

// These numbers are not used: CO-RE fills in those of the running kernel.
enum cgroup_subsys_id { devices_cgrp_id = 1, memory_cgrp_id = 2, pids_cgrp_id = 3 };
