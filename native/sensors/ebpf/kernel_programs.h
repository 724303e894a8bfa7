#pragma once

// The C interface to the kernel programs: a light skeleton compiles only as C.
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct KernelProgramOptions {
  uint32_t ring_bytes;  // a power of 2 and a multiple of the page size
  uint32_t args_max_bytes, env_max_bytes;
  uint32_t wake_at_bytes;       // waiting bytes that wake a napping reader
  uint32_t no_chunks_at_bytes;  // waiting bytes above which long arguments are not copied
  // The kernel writes here why it refuses a program; NULL for no log.
  char* log;
  uint32_t log_bytes;
};

struct KernelPrograms;

// Loads the programs without attaching them. If the kernel refuses: NULL, and a negative errno in `error`.
struct KernelPrograms* kernel_programs_load(const struct KernelProgramOptions* options, int* error);
// Attaches the programs, which then run. Returns 0 or a negative errno.
int kernel_programs_attach(struct KernelPrograms* programs);
// Programs at tracepoints of system calls, which are attached only if they are wanted.
enum CallProgram { kOnSetsid, kOnSetidBegins, kOnSetidEnds };
// Attaches one of them. `tracepoint` is the number of the tracepoint in tracefs. Returns 0 or a negative
// errno.
int kernel_programs_attach_call(struct KernelPrograms* programs, enum CallProgram program,
                                uint64_t tracepoint);
// Detaches and unloads. NULL is allowed.
void kernel_programs_close(struct KernelPrograms* programs);

int kernel_programs_ring_fd(const struct KernelPrograms* programs);
// Returns a descriptor, or a negative errno. Each byte read from it makes the programs report one live
// process.
int kernel_programs_snapshot(const struct KernelPrograms* programs);
// Makes the programs report the path of a control group again with its next exec.
void kernel_programs_forget_cgroup(const struct KernelPrograms* programs, uint64_t id, uint32_t hierarchy);
// How often a program did not run because it was already running on the same processor.
uint64_t kernel_programs_missed(const struct KernelPrograms* programs);

// Memory shared with the programs.
struct SharedWithPrograms {
  uint32_t reader_state;  // ReaderState
  uint32_t lost;          // records that did not fit into the ring; wraps around
  uint64_t newtasks;      // processes and threads that were created
};
volatile struct SharedWithPrograms* kernel_programs_shared(const struct KernelPrograms* programs);

#ifdef __cplusplus
}
#endif
