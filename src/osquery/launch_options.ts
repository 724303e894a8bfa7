import { parseArgs } from 'node:util';

/** What osquery passes to an extension that it starts. */
export interface LaunchOptions {
  /** `--socket`; '' where it is missing, which `Extension` refuses with a message. */
  readonly socketPath: string;
  /** `--timeout`. Default 3. */
  readonly timeoutSeconds: number;
  /** `--interval`. Default 3. */
  readonly intervalSeconds: number;
}

/** Reads the arguments with which osquery starts an extension. Other arguments are ignored. */
export function launchOptions(args: readonly string[] = process.argv.slice(2)): LaunchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: { socket: { type: 'string' }, timeout: { type: 'string' }, interval: { type: 'string' } },
    strict: false,
  });
  return {
    socketPath: typeof values.socket === 'string' ? values.socket : '',
    timeoutSeconds: secondsOf(values.timeout),
    intervalSeconds: secondsOf(values.interval),
  };
}

function secondsOf(value: string | boolean | undefined): number {
  const seconds = Number(value);
  return typeof value === 'string' && seconds > 0 ? seconds : 3;
}
