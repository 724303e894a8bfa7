#include "kernel_programs.h"

#include <linux/perf_event.h>

#include "generated/process_programs.lskel.h"

// One for setsid, and two for each of the calls that change ids.
enum { kCallsMax = 17 };

struct KernelPrograms {
  struct process_programs* skeleton;
  // Events of attached tracepoints, and the links of programs to them.
  int calls, events[kCallsMax], links[kCallsMax];
};

_Static_assert(sizeof(struct SharedWithPrograms) == sizeof(*((struct process_programs*)0)->bss),
               "SharedWithPrograms is what the programs share");

struct KernelPrograms* kernel_programs_load(const struct KernelProgramOptions* options, int* error) {
  struct KernelPrograms* programs = calloc(1, sizeof *programs);
  struct process_programs* skeleton = programs == NULL ? NULL : process_programs__open();
  if (skeleton == NULL) {
    free(programs);
    *error = -ENOMEM;
    return NULL;
  }
  programs->skeleton = skeleton;
  skeleton->maps.ring.max_entries = options->ring_bytes;
  skeleton->rodata->args_max_bytes = options->args_max_bytes;
  skeleton->rodata->env_max_bytes = options->env_max_bytes;
  skeleton->rodata->wake_at_bytes = options->wake_at_bytes;
  skeleton->rodata->no_chunks_at_bytes = options->no_chunks_at_bytes;
  if (options->log != NULL) {
    skeleton->ctx.log_level = 1;
    skeleton->ctx.log_size = options->log_bytes;
    skeleton->ctx.log_buf = (uintptr_t)options->log;
  }
  *error = process_programs__load(skeleton);
  if (*error == 0 && skeleton->bss != NULL && skeleton->rodata != NULL) return programs;
  if (*error == 0) *error = -ENOMEM;
  kernel_programs_close(programs);
  return NULL;
}

int kernel_programs_attach(struct KernelPrograms* programs) {
  return process_programs__attach(programs->skeleton);
}

static int descriptor_of(const struct KernelPrograms* programs, enum CallProgram program) {
  switch (program) {
    case kOnSetsid:
      return programs->skeleton->progs.on_setsid.prog_fd;
    case kOnSetidBegins:
      return programs->skeleton->progs.on_setid_begins.prog_fd;
    case kOnSetidEnds:
      return programs->skeleton->progs.on_setid_ends.prog_fd;
  }
  return -1;
}

int kernel_programs_attach_call(struct KernelPrograms* programs, enum CallProgram program,
                                uint64_t tracepoint) {
  if (programs->calls == kCallsMax) return -E2BIG;
  struct perf_event_attr event;
  memset(&event, 0, sizeof event);
  event.type = PERF_TYPE_TRACEPOINT;
  event.size = sizeof event;
  event.config = tracepoint;
  event.sample_period = 1;
  // The event is of one processor, but its program runs on all (kernel/trace/bpf_trace.c,
  // perf_event_attach_bpf_prog).
  const int opened = (int)syscall(SYS_perf_event_open, &event, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
  if (opened < 0) return -errno;
  const int link = skel_link_create(descriptor_of(programs, program), opened, BPF_PERF_EVENT);
  if (link < 0) {
    close(opened);
    return link;
  }
  programs->events[programs->calls] = opened;
  programs->links[programs->calls] = link;
  programs->calls++;
  return 0;
}

void kernel_programs_close(struct KernelPrograms* programs) {
  if (programs == NULL) return;
  for (int i = 0; i < programs->calls; i++) {
    close(programs->links[i]);
    close(programs->events[i]);
  }
  process_programs__destroy(programs->skeleton);
  free(programs);
}

int kernel_programs_ring_fd(const struct KernelPrograms* programs) {
  return programs->skeleton->maps.ring.map_fd;
}

int kernel_programs_snapshot(const struct KernelPrograms* programs) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.iter_create.link_fd = (__u32)programs->skeleton->links.on_task_fd;
  return skel_bpf(BPF_ITER_CREATE, &attr);
}

void kernel_programs_forget_cgroup(const struct KernelPrograms* programs, uint64_t id, uint32_t hierarchy) {
  const struct {
    uint64_t id;
    uint32_t hierarchy, unused;
  } key = {id, hierarchy, 0};
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.map_fd = (__u32)programs->skeleton->maps.told_cgroups.map_fd;
  attr.key = (uintptr_t)&key;
  // An error is harmless: the kernel may have removed the entry already.
  (void)skel_bpf(BPF_MAP_DELETE_ELEM, &attr);
}

static uint64_t missed_by(int prog_fd) {
  struct bpf_prog_info info;
  union bpf_attr attr;
  memset(&info, 0, sizeof info);
  memset(&attr, 0, sizeof attr);
  attr.info.bpf_fd = (__u32)prog_fd;
  attr.info.info_len = sizeof info;
  attr.info.info = (uintptr_t)&info;
  return skel_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0 ? info.recursion_misses : 0;
}

uint64_t kernel_programs_missed(const struct KernelPrograms* programs) {
  return missed_by(programs->skeleton->progs.on_newtask.prog_fd) +
         missed_by(programs->skeleton->progs.on_exec.prog_fd) +
         missed_by(programs->skeleton->progs.on_exit.prog_fd);
}

volatile struct SharedWithPrograms* kernel_programs_shared(const struct KernelPrograms* programs) {
  return (volatile struct SharedWithPrograms*)programs->skeleton->bss;
}
