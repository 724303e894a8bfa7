/** Made-up execs as they happen: chains of three, each of which is started by the one above it and waited for. */

/** What happens to a process, before it is told in any sensor's form. */
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

/** The one that starts all chains; it is there before. */
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
/** Processes that are started in a second of the time that they tell. */
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

/** The chains' happenings, one after the other, from a time on. */
export function* happenings(fromBootMs: number): Generator<Happening, never> {
  // A process has three happenings.
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

/** So many batches, each of what happens while so many processes are started and end. */
export function batchesOf(
  source: Generator<Happening, never>,
  batches: number,
  processes: number,
): (readonly Happening[])[] {
  return Array.from({ length: batches }, () => Array.from({ length: processes * 3 }, () => source.next().value));
}

/** How long the making of so many processes takes, in the time that they tell. */
export function durationMs(processes: number): number {
  return (1000 * processes) / PACE;
}
