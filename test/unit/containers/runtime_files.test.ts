import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { RuntimeFiles } from '../../../src/containers/runtime_files.ts';
import {
  CRI_ANNOTATIONS,
  CRIO_ANNOTATIONS,
  dockerConfig,
  ID,
  IMAGE_ID,
  newRoot,
  OTHER_ID,
  OWNER,
  ociConfigText,
  PODMAN_ANNOTATIONS,
  storageList,
  write,
} from './runtime_trees.ts';

const ROOT_MOUNT = '22 1 8:1 / / rw - ext4 /dev/sda1 rw\n';
const filesOf = (root: string, mountinfo = ROOT_MOUNT) =>
  new RuntimeFiles({ root, rootUid: OWNER, mountinfo: () => mountinfo });
const find = (root: string, id = ID) => filesOf(root).ofRoot(id);

const TASKS = '/run/containerd/io.containerd.runtime.v2.task';
const STORAGE = '/var/lib/containers/storage';
const PODMAN = ociConfigText(PODMAN_ANNOTATIONS);

describe('a container of root', () => {
  test.each([
    ['Docker', { [`/var/lib/docker/containers/${ID}/config.v2.json`]: dockerConfig() }, 'docker', 'checkout'],
    ['containerd', { [`${TASKS}/k8s.io/${ID}/config.json`]: ociConfigText(CRI_ANNOTATIONS) }, 'containerd', 'server'],
    [
      'the containerd of k3s',
      {
        [`/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/${ID}/config.json`]: ociConfigText(CRI_ANNOTATIONS),
      },
      'containerd',
      'server',
    ],
    [
      'CRI-O',
      { [`${STORAGE}/overlay-containers/${ID}/userdata/config.json`]: ociConfigText(CRIO_ANNOTATIONS) },
      'cri-o',
      'server',
    ],
    [
      'Podman',
      {
        [`${STORAGE}/overlay-containers/${ID}/userdata/config.json`]: PODMAN,
        [`${STORAGE}/overlay-containers/containers.json`]: storageList([OTHER_ID, 'other'], [ID, 'tools']),
      },
      'podman',
      'tools',
    ],
    [
      'Podman, made with --rm and with the driver vfs',
      {
        [`${STORAGE}/vfs-containers/${ID}/userdata/config.json`]: PODMAN,
        [`${STORAGE}/vfs-containers/containers.json`]: storageList([OTHER_ID, 'other']),
        [`${STORAGE}/vfs-containers/volatile-containers.json`]: storageList([ID, 'once']),
      },
      'podman',
      'once',
    ],
    [
      'Podman with another storage',
      {
        '/etc/containers/storage.conf': '[storage]\ndriver = "overlay"\n  graphroot = "/data/storage"\n',
        [`/data/storage/overlay-containers/${ID}/userdata/config.json`]: PODMAN,
        '/data/storage/overlay-containers/containers.json': storageList([ID, 'tools']),
      },
      'podman',
      'tools',
    ],
    [
      'Docker with another data folder, by the mounts of its container',
      {
        [`${TASKS}/moby/${ID}/config.json`]: ociConfigText({}, [
          '/home/x/hostname',
          `/data/docker/containers/${ID}/hostname`,
        ]),
        [`/data/docker/containers/${ID}/config.v2.json`]: dockerConfig(),
      },
      'docker',
      'checkout',
    ],
  ])('of %s', async (_, files: Readonly<Record<string, string>>, runtime, name) => {
    const root = newRoot(files);
    expect(await find(root)).toMatchObject({ id: ID, runtime, name });
    expect(await find(root, 'f'.repeat(64))).toBeUndefined();
  });

  test('has at least its id if only a part of its files is there', async () => {
    expect(await find(newRoot({ [`${TASKS}/moby/${ID}/config.json`]: ociConfigText({}) }))).toEqual({
      ...{ id: ID, runtime: 'docker' },
    });
    const storage = { [`${STORAGE}/overlay-containers/${ID}/userdata/config.json`]: PODMAN };
    expect(await find(newRoot(storage))).toEqual({ id: ID, runtime: 'podman' });
  });

  test('is unknown if its file is damaged, too large or open to others', async () => {
    const path = `/var/lib/docker/containers/${ID}/config.v2.json`;
    const root = newRoot({ [path]: '{"Name":"/chec' });
    await expect(find(root)).rejects.toThrow();
    write(root, { [path]: dockerConfig({ More: 'x'.repeat(1024 * 1024) }) });
    await expect(find(root)).rejects.toThrow('more than 1048576');
    write(root, { [path]: dockerConfig() });
    chmodSync(join(root, '/var/lib/docker'), 0o777);
    await expect(find(root)).rejects.toThrow('other users can write /var/lib/docker');
  });

  test('is not looked for in the home of a user', async () => {
    const root = newRoot({ [`/home/kg/.local/share/docker/containers/${ID}/config.v2.json`]: dockerConfig() });
    write(root, { '/etc/passwd': 'kg:x:1000:1000::/home/kg:/bin/sh\n' });
    expect(await find(root)).toBeUndefined();
  });
});

describe('a container of a user', () => {
  const HOME = '/home/kg';
  const DOCKER = { [`${HOME}/.local/share/docker/containers/${ID}/config.v2.json`]: dockerConfig() };
  const passwd = `other:x:1${OWNER}:0::/home/other:/bin/sh\nkg:x:${OWNER}:1000:K, G:${HOME}:/bin/sh\n`;

  test('is claimed, from the storage in the home of the user', async () => {
    const storage = `${HOME}/.local/share/containers/storage/overlay-containers`;
    const root = newRoot({
      ...{ '/etc/passwd': passwd, [`${storage}/containers.json`]: storageList([ID, 'mine']) },
      [`${storage}/${ID}/userdata/config.json`]: PODMAN,
    });
    expect(await filesOf(root).ofUser(ID, OWNER)).toEqual({
      ...{ id: ID, runtime: 'podman', name: 'mine', image: 'localhost/tools:latest', image_id: IMAGE_ID },
      claimed: true,
    });
    expect(await filesOf(root).ofUser(OTHER_ID, OWNER)).toBeUndefined();
  });

  test('is claimed, from the files of Docker', async () => {
    const root = newRoot({ ...DOCKER, '/etc/passwd': passwd });
    expect(await filesOf(root).ofUser(ID, OWNER)).toMatchObject({ name: 'checkout', claimed: true });
  });

  test('is unknown for a user without a home in passwd', async () => {
    const root = newRoot({ ...DOCKER, '/etc/passwd': passwd });
    expect(await filesOf(root).ofUser(ID, OWNER + 5)).toBeUndefined();
    expect(await filesOf(newRoot(DOCKER)).ofUser(ID, OWNER)).toBeUndefined();
  });

  test('is not read from a network file system or FUSE', async () => {
    const root = newRoot({ ...DOCKER, '/etc/passwd': passwd });
    const nfs = `${ROOT_MOUNT}40 22 0:50 / /home rw shared:1 - nfs4 server:/home rw\n`;
    expect(await filesOf(root, nfs).ofUser(ID, OWNER)).toBeUndefined();
    expect(await filesOf(root, `${nfs}41 40 8:2 / ${HOME} rw - ext4 /dev/sdb rw\n`).ofUser(ID, OWNER)).toBeDefined();
  });
});

test('a folder in the place of a namespace is no container', async () => {
  const root = newRoot();
  mkdirSync(join(root, `${TASKS}/k8s.io/${ID}`), { recursive: true });
  expect(await find(root)).toBeUndefined();
});
