/** The pids of the processes that the kernel makes at the boot (init/main.c, rest_init). No fork event creates them. */

export const INIT = 1;
/** The creator of all kernel threads. */
export const KTHREADD = 2;

export function isKernelPid(pid: number): boolean {
  return pid <= KTHREADD;
}
