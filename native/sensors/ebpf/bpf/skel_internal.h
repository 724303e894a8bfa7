#pragma once

// The functions that a light skeleton of bpftool 7.1 calls. They replace the header of the same name in
// libbpf. A skeleton contains a loader program that creates maps, loads programs and applies CO-RE
// relocations. It is loaded and run once. The structs below are its input, and it fills in the file
// descriptors. It defines their layout.

#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct bpf_map_desc {
  int map_fd;                   // set by the loader
  __u32 max_entries;            // input of the loader: 0 for the compiled value
  __aligned_u64 initial_value;  // input of the loader: address of the bytes, 0 for none
};

struct bpf_prog_desc {
  int prog_fd;  // set by the loader
};

struct bpf_loader_ctx {
  __u32 sz;  // bytes of this struct and of the descriptors after it
  __u32 flags;
  __u32 log_level, log_size;
  __u64 log_buf;
};

struct bpf_load_and_run_opts {
  struct bpf_loader_ctx* ctx;
  const void *data, *insns;
  __u32 data_sz, insns_sz;
  const char* errstr;
};

// Returns a negative errno on error.
static inline int skel_bpf(int command, union bpf_attr* attr) {
  const long result = syscall(SYS_bpf, command, attr, sizeof *attr);
  return result < 0 ? -errno : (int)result;
}

static inline void* skel_alloc(size_t bytes) { return calloc(1, bytes); }
static inline void skel_free(void* memory) { free(memory); }

static inline int skel_closenz(int fd) { return fd > 0 ? close(fd) : -EINVAL; }

// Makes room for the contents of a map, which can be changed until the load.
static inline void* skel_prep_map_data(const void* contents, size_t map_bytes, size_t bytes) {
  void* at = mmap(NULL, map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return NULL;
  memcpy(at, contents, bytes);
  return at;
}

// Replaces that room with the mapped map.
static inline void* skel_finalize_map_data(__u64* room, size_t map_bytes, int protection, int map_fd) {
  void* at = mmap((void*)(uintptr_t)*room, map_bytes, protection, MAP_SHARED | MAP_FIXED, map_fd, 0);
  return at == MAP_FAILED ? NULL : at;
}

static inline void skel_free_map_data(void* at, __u64 room, size_t map_bytes) {
  (void)room;
  if (at != NULL) munmap(at, map_bytes);
}

static inline int skel_raw_tracepoint_open(const char* name, int prog_fd) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.raw_tracepoint.name = (uintptr_t)name;
  attr.raw_tracepoint.prog_fd = (__u32)prog_fd;
  return skel_bpf(BPF_RAW_TRACEPOINT_OPEN, &attr);
}

static inline int skel_link_create(int prog_fd, int target_fd, enum bpf_attach_type type) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.link_create.prog_fd = (__u32)prog_fd;
  attr.link_create.target_fd = (__u32)target_fd;
  attr.link_create.attach_type = type;
  return skel_bpf(BPF_LINK_CREATE, &attr);
}

// Creates an array map with the loader's data as its one value. Returns its descriptor or a negative errno.
static inline int skel_loader_map(const struct bpf_load_and_run_opts* opts) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.map_type = BPF_MAP_TYPE_ARRAY;
  attr.key_size = sizeof(__u32);
  attr.value_size = opts->data_sz;
  attr.max_entries = 1;
  memcpy(attr.map_name, "__loader.map", sizeof "__loader.map");
  const int map_fd = skel_bpf(BPF_MAP_CREATE, &attr);
  if (map_fd < 0) return map_fd;
  const __u32 first = 0;
  memset(&attr, 0, sizeof attr);
  attr.map_fd = (__u32)map_fd;
  attr.key = (uintptr_t)&first;
  attr.value = (uintptr_t)opts->data;
  const int error = skel_bpf(BPF_MAP_UPDATE_ELEM, &attr);
  if (error == 0) return map_fd;
  close(map_fd);
  return error;
}

static inline int skel_loader_program(const struct bpf_load_and_run_opts* opts, int map_fd) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.prog_type = BPF_PROG_TYPE_SYSCALL;
  attr.insns = (uintptr_t)opts->insns;
  attr.insn_cnt = opts->insns_sz / sizeof(struct bpf_insn);
  attr.license = (uintptr_t) "Dual MIT/GPL";
  attr.fd_array = (uintptr_t)&map_fd;
  attr.prog_flags = BPF_F_SLEEPABLE;
  memcpy(attr.prog_name, "__loader.prog", sizeof "__loader.prog");
  attr.log_level = opts->ctx->log_level;
  attr.log_size = opts->ctx->log_size;
  attr.log_buf = opts->ctx->log_buf;
  return skel_bpf(BPF_PROG_LOAD, &attr);
}

// Returns 0 or a negative errno; `errstr` names the failed step.
static inline int bpf_load_and_run(struct bpf_load_and_run_opts* opts) {
  opts->errstr = "the loader's data";
  const int map_fd = skel_loader_map(opts);
  if (map_fd < 0) return map_fd;
  opts->errstr = "the loader's program";
  const int prog_fd = skel_loader_program(opts, map_fd);
  int error = prog_fd < 0 ? prog_fd : 0;
  if (error == 0) {
    opts->errstr = "a map or program";
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.test.prog_fd = (__u32)prog_fd;
    attr.test.ctx_in = (uintptr_t)opts->ctx;
    attr.test.ctx_size_in = opts->ctx->sz;
    error = skel_bpf(BPF_PROG_RUN, &attr);
    if (error == 0) error = (int)attr.test.retval;
    close(prog_fd);
  }
  close(map_fd);
  return error;
}
