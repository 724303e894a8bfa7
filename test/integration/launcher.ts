/** Runs the built program to its end. Not synchronous: the embedded manager, in the test's process, answers meanwhile. */
import { execFile } from 'node:child_process';
import { LAUNCHER } from './extension_under_test.ts';

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function ranLauncher(args: readonly string[], env: NodeJS.ProcessEnv = {}, program = LAUNCHER): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, maxBuffer: 1 << 28 };
    execFile(program, args, options, (error, stdout, stderr) => {
      resolve({ status: error ? Number(error.code ?? 1) : 0, stdout, stderr });
    });
  });
}
