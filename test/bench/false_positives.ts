/**
 * node test/bench/false_positives.ts [apt] [npm] [cron] [--root DIR]
 *
 * How many rows each detection gives over an `apt-get install` of packages with maintainer scripts, over an `npm install` of
 * this project and its build, and over the daily, weekly and monthly cron jobs of the installed packages. Writes
 * packaging/osquery/false_positives.json, and the counts into the descriptions of packs/detections.conf. Needs root, kernel
 * audit, debootstrap and a mirror of Debian; --root uses an existing root of debootstrap and keeps it. npm
 * installs without the lock file: `npm ci` refuses it where a registry lacks an optional package of another platform.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { MEASURED, type Measured, readDetections } from '../../packaging/osquery/detections.ts';
import { ExtensionUnderTest } from '../integration/extension_under_test.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Packages of servers and others with much set-up by scripts: users, units, alternatives, triggers, certificates. */
const PACKAGES =
  `nginx apache2 php-fpm postgresql mariadb-server redis-server openssh-server exim4 bind9 cron logrotate systemd
  dbus sudo man-db git build-essential python3-pip default-jre-headless ca-certificates-java rsyslog ufw docker.io fail2ban
  unattended-upgrades initramfs-tools`.split(/\s+/);

const { values: options, positionals: asked } = parseArgs({
  options: { root: { type: 'string' } },
  allowPositionals: true,
});

interface Activity {
  /** The start of its text about itself. */
  readonly name: string;
  /** Prepares and starts it, and describes it. */
  prepare(): Promise<{ what: string; start: () => ChildProcess; remove: () => void }>;
}

const quietly = (command: string, ...args: string[]) =>
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });

/** A root directory with Debian, in which the packages are downloaded. */
function debian() {
  const directory = options.root ?? mkdtempSync('/var/tmp/pa-root-');
  if (!options.root) quietly('debootstrap', '--variant=minbase', 'bookworm', directory);
  copyFileSync('/etc/resolv.conf', join(directory, 'etc/resolv.conf'));
  const policy = join(directory, 'usr/sbin/policy-rc.d');
  writeFileSync(policy, '#!/bin/sh\nexit 101\n');
  chmodSync(policy, 0o755);
  // Not /dev and /sys: in every mount these are the host's.
  quietly('mount', '-t', 'proc', 'proc', join(directory, 'proc'));
  const aptGet = (...args: string[]) => [directory, 'apt-get', '-q', '-y', ...args];
  quietly('chroot', ...aptGet('update'));
  quietly('chroot', ...aptGet('--download-only', 'install', ...PACKAGES));
  const start = (...args: string[]) =>
    spawn('chroot', args, {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  const remove = () => {
    quietly('umount', '-l', join(directory, 'proc'));
    if (!options.root) rmSync(directory, { recursive: true, force: true });
  };
  return { directory, install: () => start(...aptGet('install', ...PACKAGES)), start, remove };
}

const apt: Activity = {
  name: 'apt',
  async prepare() {
    const { install, remove } = debian();
    return {
      what: `apt-get install (${PACKAGES.length} packages of servers and their dependencies, Debian 12)`,
      start: install,
      remove,
    };
  },
};

const cron: Activity = {
  name: 'cron',
  async prepare() {
    const { directory, install, start, remove } = debian();
    await once(install(), 'close');
    const jobs = ['daily', 'weekly', 'monthly'].map((often) => `run-parts /etc/cron.${often}`).join('; ');
    return {
      what: 'cron jobs of the same packages (daily, weekly, monthly)',
      // A job may fail where no service runs.
      start: () => start(directory, '/bin/sh', '-c', `${jobs}; exit 0`),
      remove,
    };
  },
};

const npm: Activity = {
  name: 'npm',
  async prepare() {
    const directory = mkdtempSync(join(tmpdir(), 'pa-npm-'));
    const archive = execFileSync('git', ['archive', 'HEAD'], { cwd: root, maxBuffer: 1 << 28 });
    execFileSync('tar', ['-x'], { cwd: directory, input: archive });
    rmSync(join(directory, 'package-lock.json'));
    return {
      what: 'npm install and the build of this project',
      start: () =>
        spawn('sh', ['-c', 'npm install --ignore-scripts=false --loglevel=error && npm run build'], {
          cwd: directory,
          stdio: ['ignore', 'ignore', 'inherit'],
        }),
      remove: () => rmSync(directory, { recursive: true, force: true }),
    };
  },
};

const BELOW = (pid: number) =>
  `(pid = ${pid} OR EXISTS (SELECT 1 FROM json_each(ancestry) WHERE value->>'pid' = ${pid}))`;

async function measure({ prepare }: Activity): Promise<Measured> {
  const { what, start, remove } = await prepare();
  try {
    const flags = ['--events-max', '500000', '--events-max-bytes', '1000000000', '--result-max-bytes', '1000000000'];
    const extension = await ExtensionUnderTest.start([...flags, '--cache-size', '20000']);
    try {
      const child = start();
      const [code] = (await once(child, 'close')) as [number | null];
      if (code !== 0) throw new Error(`${what} ended with ${code}`);
      await extension.settled();
      const pid = child.pid ?? 0;
      const count = `SELECT count(*), sum(ancestry_complete) FROM process_ancestry_events WHERE ${BELOW(pid)}`;
      const [row] = (await extension.manager.query(count)).rows;
      const hits: Record<string, number> = {};
      for (const { name, query } of readDetections()) {
        const { columns, rows } = await extension.manager.query(query);
        const at = (column: string) => columns.findIndex((one) => one.name === column);
        const own = rows.filter((found) => {
          const above = (found[at('ancestors')] ?? '').split(' < ').map((one) => one.split(' ').at(-1));
          return found[at('pid')] === String(pid) || above.includes(String(pid));
        });
        for (const found of own) console.log(`${name}: ${found[at('cmdline')]} < ${found[at('ancestors')]}`);
        if (own.length > 0) hits[name] = own.length;
      }
      console.log(`${what}: ${row?.[0]} executions, ${row?.[1]} of them with all ancestors`);
      return { what, execs: Number(row?.[0]), hits };
    } finally {
      await extension.stop();
    }
  } finally {
    remove();
  }
}

const ACTIVITIES = [apt, npm, cron];
const before = JSON.parse(readFileSync(MEASURED, 'utf8')) as Measured[];
const results: Measured[] = [];
for (const activity of ACTIVITIES) {
  const last = before.find(({ what }) => what.startsWith(activity.name));
  if (asked.length === 0 || asked.includes(activity.name)) results.push(await measure(activity));
  else if (last) results.push(last);
}
writeFileSync(MEASURED, `${JSON.stringify(results, null, 2)}\n`);
execFileSync(process.execPath, [join(root, 'packaging/osquery/detections.ts')]);
