/** Made-up execs in order: chains of three, each started by the one above, which waits for it. */

/** An event of a process, independent of the sensor's form. */
export type Happening =
  | { readonly kind: 'fork'; readonly bootMs: number; readonly process: Started; readonly parent: Started }
  | { readonly kind: 'exec'; readonly bootMs: number; readonly process: Started; readonly parent: Started }
  | { readonly kind: 'exit'; readonly bootMs: number; readonly process: Started };

export interface Started {
  readonly pid: number;
  readonly startMs: number;
  readonly uid: number;
  readonly ses: number;
  readonly path: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly cgroup: string;
}

/** The process that starts all chains; it exists before. */
export const DAEMON: Started = {
  pid: 700,
  startMs: 1000,
  uid: 0,
  ses: 4,
  path: '/usr/bin/build-agent',
  args: ['/usr/bin/build-agent', '--config', '/etc/build-agent.toml'],
  cwd: '/',
  cgroup: '/system.slice/build-agent.service',
};
export const PID_NAMESPACE = 4_026_531_836;
const FIRST_PID = 10_000;
const USERS = [0, 33, 1000, 1001, 1002];
const DEPTH = 3;
/** Processes per second of event time. */
const PACE = 1800;

function programOf(depth: number, chain: number): Pick<Started, 'path' | 'args'> {
  const unit = `module_${chain % 500}`;
  if (depth === 0)
    return { path: '/usr/bin/dash', args: ['/bin/sh', '-c', `make -C build/${unit} check && echo done`] };
  if (depth === 1) return { path: '/usr/bin/make', args: ['make', '-C', `build/${unit}`, 'check', `JOB=${chain}`] };
  const flags = ['-O2', '-g', '-Wall', '-Wextra', '-Iinclude', '-Ibuild/generated', '-DNDEBUG', '-fPIC'];
  return {
    path: '/usr/bin/x86_64-linux-gnu-gcc-14',
    args: ['cc', ...flags, '-c', `${unit}.c`, '-o', `${unit}.${chain}.o`],
  };
}

/** The events of the chains, one after the other, from a time on. */
export function* happenings(fromBootMs: number): Generator<Happening, never> {
  // A process has three events.
  const stepMs = 1000 / PACE / 3;
  let pid = FIRST_PID;
  let bootMs = fromBootMs;
  const tick = () => {
    bootMs += stepMs;
    return bootMs;
  };
  for (let chain = 0; ; chain++) {
    const uid = USERS[chain % USERS.length] ?? 0;
    const started: Started[] = [];
    for (let depth = 0; depth < DEPTH; depth++) {
      const parent = started.at(-1) ?? DAEMON;
      const startMs = tick();
      const place = { uid, ses: 4, cwd: `/srv/build/${chain % 20}`, cgroup: DAEMON.cgroup };
      const process = { pid: pid++, startMs, ...place, ...programOf(depth, chain) };
      started.push(process);
      yield { kind: 'fork', bootMs: startMs, process, parent };
      yield { kind: 'exec', bootMs: tick(), process, parent };
    }
    for (const process of started.toReversed()) yield { kind: 'exit', bootMs: tick(), process };
  }
}

/** A number of batches, each with the events of a number of processes from start to end. */
export function batchesOf(
  source: Generator<Happening, never>,
  batches: number,
  processes: number,
): (readonly Happening[])[] {
  return Array.from({ length: batches }, () => Array.from({ length: processes * 3 }, () => source.next().value));
}

/** The event time of a number of processes. */
export function durationMs(processes: number): number {
  return (1000 * processes) / PACE;
}
