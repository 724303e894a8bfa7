/** Where container runtimes keep the facts of a container. */
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isRemotePath } from '../files/remote_file_systems.ts';
import type { ContainerFacts } from './facts.ts';
import { type Ownership, readOwnedFile } from './owned_file.ts';
import {
  containerdContainer,
  crioContainer,
  dockerContainer,
  isCrio,
  type OciConfig,
  ociConfig,
  podmanContainer,
} from './runtime_documents.ts';

const CONFIG_BYTES = 1024 * 1024;
/** A list has about 1 KiB per container. */
const LIST_BYTES = 2 * 1024 * 1024;
const PASSWD_BYTES = 4 * 1024 * 1024;

/** State folders of containerd: its own, and those of Docker, k3s, k0s and MicroK8s. */
const CONTAINERD = [
  ...['/run/containerd', '/run/docker/containerd/daemon', '/run/k3s/containerd', '/run/k0s/containerd'],
  '/var/snap/microk8s/common/run/containerd',
];
/** Drivers of containers/storage, the most common first. Each has a folder of its own. */
const DRIVERS = ['overlay', 'vfs', 'btrfs', 'zfs'];
/** Containers made with --rm are in the second list (containers/storage, containers.go). */
const LISTS = ['containers.json', 'volatile-containers.json'];

interface RuntimeFilesOptions {
  /** Root of the host file system. */
  readonly root?: string;
  /** For tests: the user in the place of root. */
  readonly rootUid?: number;
  /** Text of /proc/self/mountinfo. */
  readonly mountinfo: () => string;
}

export class RuntimeFiles {
  readonly #byRoot: Ownership;
  readonly #mountinfo: () => string;

  constructor({ root = '/', rootUid = 0, mountinfo }: RuntimeFilesOptions) {
    this.#byRoot = { root, uid: rootUid };
    this.#mountinfo = mountinfo;
  }

  /** A container of a runtime of root; undefined if none has it. `id` has 64 hex digits. @throws {Error} see readOwnedFile */
  async ofRoot(id: string): Promise<ContainerFacts | undefined> {
    const by = this.#byRoot;
    return (
      (await ofDocker('/var/lib/docker/containers', id, by)) ??
      (await ofContainerd(id, by)) ??
      (await ofStorage('/var/lib/containers/storage', id, by)) ??
      (await this.#ofOtherStorage(id))
    );
  }

  /** A container of a runtime that the user runs; undefined if none has it. @throws {Error} see readOwnedFile */
  async ofUser(id: string, uid: number): Promise<ContainerFacts | undefined> {
    const home = await this.#homeOf(uid);
    // A user's server could keep us waiting.
    if (home === undefined || isRemotePath(home, this.#mountinfo())) return undefined;
    const by = { ...this.#byRoot, uid };
    const found =
      (await ofDocker(`${home}/.local/share/docker/containers`, id, by)) ??
      (await ofStorage(`${home}/.local/share/containers/storage`, id, by));
    return found && { ...found, claimed: true };
  }

  /** The storage that storage.conf names (man 5 containers-storage.conf). */
  async #ofOtherStorage(id: string): Promise<ContainerFacts | undefined> {
    const conf = (await readOwnedFile('/etc/containers/storage.conf', CONFIG_BYTES, this.#byRoot)) ?? '';
    const [, graphRoot] = /^\s*graphroot\s*=\s*["'](\/[^"']+)["']/m.exec(conf) ?? [];
    return graphRoot === undefined ? undefined : ofStorage(graphRoot, id, this.#byRoot);
  }

  async #homeOf(uid: number): Promise<string | undefined> {
    const passwd = (await readOwnedFile('/etc/passwd', PASSWD_BYTES, this.#byRoot)) ?? '';
    const [, home] = new RegExp(`^[^:\\n]*:[^:\\n]*:${uid}:(?:[^:\\n]*:){2}(/[^:\\n]+)`, 'm').exec(passwd) ?? [];
    return home;
  }
}

async function ofDocker(containers: string, id: string, by: Ownership): Promise<ContainerFacts | undefined> {
  const config = await readOwnedFile(`${containers}/${id}/config.v2.json`, CONFIG_BYTES, by);
  return config === undefined ? undefined : dockerContainer(id, config);
}

async function ofContainerd(id: string, by: Ownership): Promise<ContainerFacts | undefined> {
  for (const state of CONTAINERD) {
    const tasks = `${state}/io.containerd.runtime.v2.task`;
    for (const namespace of await namesIn(join(by.root, tasks))) {
      const json = await readOwnedFile(`${tasks}/${namespace}/${id}/config.json`, CONFIG_BYTES, by);
      if (json === undefined) continue;
      const config = ociConfig(json);
      if (namespace !== 'moby') return containerdContainer(id, config);
      return (await ofMovedDocker(config, id, by)) ?? { id, runtime: 'docker' };
    }
  }
  return undefined;
}

/** Docker with another data folder: it mounts some files of the container's folder into the container. */
async function ofMovedDocker({ sources }: OciConfig, id: string, by: Ownership): Promise<ContainerFacts | undefined> {
  const mounted = sources.find((source) => source.endsWith(`/containers/${id}/hostname`));
  return mounted === undefined ? undefined : ofDocker(dirname(dirname(mounted)), id, by);
}

async function ofStorage(graphRoot: string, id: string, by: Ownership): Promise<ContainerFacts | undefined> {
  for (const driver of DRIVERS) {
    const folder = `${graphRoot}/${driver}-containers`;
    const json = await readOwnedFile(`${folder}/${id}/userdata/config.json`, CONFIG_BYTES, by);
    if (json === undefined) continue;
    const config = ociConfig(json);
    return isCrio(config) ? crioContainer(id, config) : ofPodman(folder, id, by);
  }
  return undefined;
}

async function ofPodman(folder: string, id: string, by: Ownership): Promise<ContainerFacts> {
  for (const name of LISTS) {
    const list = await readOwnedFile(`${folder}/${name}`, LIST_BYTES, by);
    const found = list === undefined ? undefined : podmanContainer(id, list);
    if (found) return found;
  }
  return { id, runtime: 'podman' };
}

/** The folders of containerd's namespaces. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}
