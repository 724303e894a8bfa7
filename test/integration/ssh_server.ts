/** Runs Debian's sshd with its own configuration on a loopback port, and its client. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from './extension_under_test.ts';

const SSHD = '/usr/sbin/sshd';
/** Debian's service makes it; sshd does not start without it. */
const PRIVILEGE_SEPARATION = '/run/sshd';

export function hasSshServer(): boolean {
  return existsSync(SSHD);
}

export class SshServer {
  readonly #directory: string;
  readonly #port: number;
  readonly #process: ChildProcess;
  readonly #madeRunDirectory: boolean;
  #log = '';

  private constructor(directory: string, port: number, madeRunDirectory: boolean) {
    this.#directory = directory;
    this.#port = port;
    this.#madeRunDirectory = madeRunDirectory;
    this.#process = spawn(SSHD, ['-D', '-e', '-f', join(directory, 'config')], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
    });
  }

  /** Resolves when it listens. */
  static async start(): Promise<SshServer> {
    const directory = mkdtempSync(join(tmpdir(), 'pa-ssh-'));
    // sshd reads accepted keys as the user who logs in; only root can read private keys.
    chmodSync(directory, 0o711);
    for (const key of ['host_key', 'user_key']) {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(directory, key)]);
    }
    copyFileSync(join(directory, 'user_key.pub'), join(directory, 'authorized_keys'));
    chmodSync(join(directory, 'authorized_keys'), 0o644);
    const port = await freePort();
    const config = {
      ListenAddress: `127.0.0.1:${port}`,
      HostKey: join(directory, 'host_key'),
      PidFile: join(directory, 'pid'),
      AuthorizedKeysFile: join(directory, 'authorized_keys'),
      StrictModes: 'no',
      PermitRootLogin: 'prohibit-password',
      KbdInteractiveAuthentication: 'no',
      UsePAM: 'yes',
      PrintMotd: 'no',
    };
    const lines = Object.entries(config).map(([name, value]) => `${name} ${value}\n`);
    writeFileSync(join(directory, 'config'), lines.join(''));
    const madeRunDirectory = !existsSync(PRIVILEGE_SEPARATION);
    mkdirSync(PRIVILEGE_SEPARATION, { recursive: true, mode: 0o755 });
    const server = new SshServer(directory, port, madeRunDirectory);
    await until('listening', () => server.#log.includes('Server listening') || server.#failIfGone());
    return server;
  }

  /** Runs a command by ssh, and returns its output. */
  async run(command: string, flags: readonly string[] = [], user = 'root'): Promise<string> {
    const options = {
      IdentityFile: join(this.#directory, 'user_key'),
      IdentitiesOnly: 'yes',
      UserKnownHostsFile: '/dev/null',
      StrictHostKeyChecking: 'no',
      LogLevel: 'ERROR',
      BatchMode: 'yes',
    };
    const settings = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    const args = ['-F', 'none', '-p', String(this.#port), ...settings, ...flags, `${user}@127.0.0.1`, command];
    try {
      const answer = promisify(execFile)('ssh', args);
      answer.child.stdin?.end();
      return (await answer).stdout;
    } catch (error) {
      throw new Error(`${error}; sshd said: ${this.#log}`);
    }
  }

  async stop(): Promise<void> {
    const child = this.#process;
    const isGone = () => child.exitCode !== null || child.signalCode !== null;
    child.kill('SIGTERM');
    await until('gone', isGone);
    rmSync(this.#directory, { recursive: true, force: true });
    if (this.#madeRunDirectory) rmdirSync(PRIVILEGE_SEPARATION);
  }

  #failIfGone(): false {
    if (this.#process.exitCode !== null) throw new Error(`sshd is gone: ${this.#log}`);
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
