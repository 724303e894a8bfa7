#pragma once

// The programs in the kernel, as C gives them to C++: a light skeleton is C alone.
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct KernelProgramOptions {
  uint32_t ring_bytes;  // a power of 2, and a whole number of pages
  uint32_t args_max_bytes, env_max_bytes;
  uint32_t wake_at_bytes;       // that wait wake a reader that naps
  uint32_t no_chunks_at_bytes;  // that wait leave no room for long arguments
  // Where the kernel writes why it refuses a program; none without.
  char* log;
  uint32_t log_bytes;
};

struct KernelPrograms;

// Loads and does not attach. A negative errno in `error` and NULL if the kernel refuses.
struct KernelPrograms* kernel_programs_load(const struct KernelProgramOptions* options, int* error);
// From then on they run. 0 or a negative errno.
int kernel_programs_attach(struct KernelPrograms* programs);
// Attaches the program that tells of setsid(2), of which tracefs tells the number. 0 or a negative errno.
int kernel_programs_attach_setsid(struct KernelPrograms* programs, uint64_t tracepoint);
// Detaches and unloads; harmless for NULL.
void kernel_programs_close(struct KernelPrograms* programs);

int kernel_programs_ring_fd(const struct KernelPrograms* programs);
// A descriptor from which reading makes the programs tell of the processes that live: a byte for each. A
// negative errno for an error.
int kernel_programs_snapshot(const struct KernelPrograms* programs);
// Has the path of a control group told again, when it is met the next time.
void kernel_programs_forget_cgroup(const struct KernelPrograms* programs, uint64_t id, uint32_t hierarchy);
// How often a program did not run because it, on the same processor, ran already.
uint64_t kernel_programs_missed(const struct KernelPrograms* programs);

// Memory that is shared with the programs.
struct SharedWithPrograms {
  uint32_t reader_state;  // ReaderState
  uint32_t lost;          // records that found no room: wraps
  uint64_t newtasks;      // processes and threads that were created
};
volatile struct SharedWithPrograms* kernel_programs_shared(const struct KernelPrograms* programs);

#ifdef __cplusplus
}
#endif
