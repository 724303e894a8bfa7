/** auditd with laurel as its plugin, both as installed by Debian, and auditd's own log switched off: laurel's log is read. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Listener, RunningListener } from '../listener.ts';
import { Auditd } from './auditd.ts';
import { type LoggedExec, rowsOf } from './offline_join.ts';

const DEBIAN = '/etc/laurel/config.toml';

/** Files for auditd's plugins.d, and the files that they name. */
function plugins(directory: string): Record<string, string> {
  const output = join(directory, 'laurel');
  mkdirSync(output, { mode: 0o755 });
  execFileSync('chown', ['_laurel', output]);
  const config = join(directory, 'laurel.toml');
  writeFileSync(config, readFileSync(DEBIAN, 'utf8').replace(/^directory =.*$/m, `directory = "${output}"`));
  chmodSync(config, 0o644);
  const plugin = {
    active: 'yes',
    direction: 'out',
    type: 'always',
    format: 'string',
    path: '/usr/sbin/laurel',
    args: `--config ${config}`,
  };
  const lines = Object.entries(plugin).map(([key, value]) => `${key} = ${value}\n`);
  return { 'laurel.conf': lines.join('') };
}

/** The used part of its output; see laurel(8) and laurel-about(7). */
interface Line {
  readonly ID: string;
  readonly SYSCALL?: { readonly pid: number; readonly ppid: number; readonly PPID?: { readonly ppid?: number } };
  readonly EXECVE?: { readonly ARGV?: readonly string[] };
}

function* execsOf(directory: string): Iterable<LoggedExec> {
  const output = join(directory, 'laurel');
  for (const file of readdirSync(output).filter((name) => name.startsWith('audit.log'))) {
    for (const text of readFileSync(join(output, file), 'utf8').split('\n')) {
      if (!text.includes('"EXECVE"')) continue;
      const { ID, SYSCALL, EXECVE } = JSON.parse(text) as Line;
      if (!SYSCALL || !EXECVE?.ARGV) continue;
      yield {
        serial: Number(ID.split(':')[1]),
        pid: SYSCALL.pid,
        ppid: SYSCALL.ppid,
        cmdline: EXECVE.ARGV.join(' '),
        grandparent: SYSCALL.PPID?.ppid,
      };
    }
  }
}

export const laurelListener: Listener = {
  name: 'auditd with laurel',
  async start(): Promise<RunningListener> {
    const auditd = await Auditd.start({ writeLogs: false, plugins });
    return {
      processes: { auditd: auditd.pid, laurel: await auditd.plugin() },
      lost: async () => auditd.lost(),
      async finish() {
        await auditd.end();
        const rows = rowsOf([...execsOf(auditd.directory)]);
        await auditd.stop();
        return rows;
      },
      stop: () => auditd.stop(),
    };
  },
};
