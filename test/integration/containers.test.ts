/** Rows of processes in control groups have the container of a runtime, and no container that a user makes up. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  dockerConfig,
  IMAGE_ID,
  ociConfigText,
  PODMAN_ANNOTATIONS,
  storageList,
} from '../unit/containers/runtime_trees.ts';
import { canRecord, ExtensionUnderTest, LAUNCHER, PATIENT, until } from './extension_under_test.ts';

/** nobody's, on Debian. */
const USER = 65534;
const AS_USER = `setpriv --reuid ${USER} --regid ${USER} --clear-groups`;
const idOf = (digit: string) => digit.repeat(64);

describe.skipIf(!canRecord())('a process in a control group', () => {
  let directory: string;
  let extension: ExtensionUnderTest;
  let cgroups: string;
  /** The folders of the made groups, the innermost first. */
  let groups: string[];
  beforeEach(() => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), 'pa-containers-')));
    chmodSync(directory, 0o755);
    groups = [];
    const hierarchy = ['unified', 'systemd', '.'].find((one) =>
      existsSync(join('/sys/fs/cgroup', one, 'cgroup.procs')),
    );
    // Deep: of several hierarchies the longest path is told.
    cgroups = madeGroup(madeGroup(join('/sys/fs/cgroup', hierarchy ?? '.'), `pa-${process.pid}`), '0'.repeat(64));
  });
  afterEach(async () => {
    await extension.stop();
    for (const group of groups) if (existsSync(group)) rmdirSync(group);
    rmSync(directory, { recursive: true, force: true });
  });

  function madeGroup(above: string, name: string): string {
    const group = join(above, name);
    mkdirSync(group);
    groups.unshift(group);
    return group;
  }

  /** Starts it with folders of the test in the place of /var/lib and of the users' list. */
  async function start(collector: string): Promise<void> {
    for (const folder of ['lib', 'lib/home']) mkdirSync(join(directory, folder));
    writeFileSync(join(directory, 'passwd'), `user:x:${USER}:${USER}::/var/lib/home:/bin/sh\n`);
    const program = join(directory, 'process_ancestry.ext');
    const mounts = `mount --bind ${directory}/lib /var/lib && mount --bind ${directory}/passwd /etc/passwd`;
    writeFileSync(program, `#!/bin/sh\nexec unshare -m sh -c '${mounts} && exec "$@"' sh ${LAUNCHER} "$@"\n`);
    chmodSync(program, 0o755);
    extension = await ExtensionUnderTest.start(['--collector', collector, ...PATIENT], { program });
  }

  /** Writes a file below /var/lib. */
  function write(path: string, text: string): void {
    const folder = join(directory, 'lib', path, '..');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(directory, 'lib', path), text);
  }

  /** Executes a program in the group that ends when its row is there: audit does not tell the group, and /proc does. */
  async function run(group: string, name: string): Promise<void> {
    const script = `echo $$ > ${group}/cgroup.procs && exec /bin/sh -c 'read line' ${name}`;
    const child = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'ignore', 'inherit'] });
    await until(`told of ${name}`, async () => name in (await containers()));
    child.stdin.end();
    await once(child, 'exit');
  }

  /** The containers of the rows, by the last argument. Fails if `ecs` has another name. */
  async function containers(): Promise<Record<string, unknown>> {
    const rows = await extension.generate('process_ancestry_events', {}, ['cmdline', 'container', 'ecs']);
    const named = rows.flatMap(({ cmdline = '', container = '', ecs = '' }) => {
      const [, name] = /^\/bin\/sh -c read line (\S+)$/.exec(cmdline) ?? [];
      if (name === undefined) return [];
      const its = JSON.parse(container) as { name?: string; claimed?: true } | null;
      const { container: documented } = JSON.parse(ecs) as { container?: { name?: string } };
      expect(documented?.name, name).toBe(its?.claimed ? undefined : its?.name);
      return [[name, its] as const];
    });
    return Object.fromEntries(named);
  }

  test.each(['auto', 'audit'])(
    'of a runtime of root has its container, from the first exec on: %s',
    async (collector) => {
      await start(collector);
      const docker = `docker/containers/${idOf('a')}/config.v2.json`;
      const storage = 'containers/storage/overlay-containers';
      write(docker, dockerConfig());
      write(`${storage}/${idOf('b')}/userdata/config.json`, ociConfigText(PODMAN_ANNOTATIONS));
      write(`${storage}/volatile-containers.json`, storageList([idOf('b'), 'tools']));
      const group = madeGroup(cgroups, `docker-${idOf('a')}.scope`);
      await run(group, 'first');
      await run(madeGroup(group, 'inner'), 'inner');
      await run(madeGroup(cgroups, `libpod-${idOf('b')}`), 'podman');
      await run(madeGroup(cgroups, `libpod-${idOf('c')}`), 'no-file');
      await run(cgroups, 'host');
      const checkout = {
        ...{ id: idOf('a'), runtime: 'docker', name: 'checkout', image_id: IMAGE_ID },
        image: 'registry.example:5000/shop/checkout:1.4',
      };
      const tools = {
        ...{ id: idOf('b'), runtime: 'podman', name: 'tools', image: 'localhost/tools:latest', image_id: IMAGE_ID },
      };
      const expected = { first: checkout, inner: checkout, podman: tools, 'no-file': null, host: null };
      expect(await containers()).toEqual(expected);
      rmSync(join(directory, 'lib', docker));
      await run(group, 'files-gone');
      expect(await containers()).toEqual({ ...expected, 'files-gone': checkout });
      const stats = await extension.stats();
      expect(stats.containers_unread).toBe('0');
      if (stats.collector !== 'ebpf') return;
      write(`docker/containers/${idOf('d')}/config.v2.json`, dockerConfig());
      const short = madeGroup(cgroups, `docker-${idOf('d')}.scope`);
      const script = `echo $$ > ${short}/cgroup.procs && exec /bin/sh -c 'read line' short`;
      spawnSync('/bin/sh', ['-c', script], { stdio: 'ignore' });
      await extension.settled();
      expect((await containers()).short).toEqual({ ...checkout, id: idOf('d') });
    },
  );

  test('with a FIFO or an open folder in the place of the files has no container, and is counted', async () => {
    await start('auto');
    const folder = join(directory, 'lib/docker/containers', idOf('a'));
    mkdirSync(folder, { recursive: true });
    spawnSync('mkfifo', [join(folder, 'config.v2.json')]);
    write(`docker/containers/${idOf('b')}/config.v2.json`, dockerConfig());
    chmodSync(join(directory, 'lib/docker/containers', idOf('b')), 0o777);
    for (const digit of ['a', 'b']) await run(madeGroup(cgroups, `docker-${idOf(digit)}.scope`), digit);
    expect(await containers()).toEqual({ a: null, b: null });
    expect((await extension.stats()).containers_unread).toBe('2');
    expect(extension.stderr).toContain('is not a regular file');
  });

  test('that a user made has no container of root; with files of the user it is claimed', async () => {
    await start('auto');
    write(`docker/containers/${idOf('a')}/config.v2.json`, dockerConfig());
    write(`home/.local/share/docker/containers/${idOf('b')}/config.v2.json`, dockerConfig({ Name: '/mine' }));
    execFileSync('chown', ['-R', `${USER}:${USER}`, join(directory, 'lib/home')]);
    await run(madeGroup(cgroups, `docker-${idOf('a')}.scope`), 'of-root');
    const delegated = madeGroup(cgroups, 'delegated');
    for (const path of [delegated, join(delegated, 'cgroup.procs')]) chownSync(path, USER, USER);
    for (const digit of ['a', 'b']) {
      const group = join(delegated, `docker-${idOf(digit)}.scope`);
      groups.unshift(group);
      const asUser = `mkdir ${group} && echo $$ > ${group}/cgroup.procs && exec /bin/sh -c "read line" forged-${digit}`;
      const script = `echo $$ > ${delegated}/cgroup.procs && exec ${AS_USER} /bin/sh -c '${asUser}'`;
      const child = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'ignore', 'inherit'] });
      await until('told', async () => `forged-${digit}` in (await containers()));
      child.stdin.end();
      await once(child, 'exit');
    }
    const claimed = expect.objectContaining({ id: idOf('b'), name: 'mine', claimed: true });
    expect(await containers()).toEqual({
      'of-root': expect.objectContaining({ name: 'checkout' }),
      'forged-a': null,
      'forged-b': claimed,
    });
  });
});
