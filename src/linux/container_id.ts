/**
 * Finds the container of a control group by the group names of container runtimes. The innermost group counts, because a container
 * may contain others (kind, Docker in Docker). Groups of pods, slices and conmon are no containers.
 */
import { LRUCache } from 'lru-cache';

/** docker, containerd, cri-o, podman, Docker on ECS: the id alone, or after the runtime name; with systemd, a scope. */
const HEX_ID = /^(?:(.*)[-:])?([0-9a-f]{64})(?:\.scope)?$/;
/** Ids of the build steps of BuildKit (moby/buildkit, identity/randomid.go). */
const BUILD_STEP = /^(?:.*:docker:)?([0-9a-z]{25})$/;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Fargate: the task id and a number. */
const FARGATE_ID = /^[0-9a-f]{32}-\d+$/;
const LXC_PAYLOAD = /^lxc\.payload\.(.+)$/;
/** Scopes of systemd-machined and services of nspawn (man 5 systemd.resource-control, man 1 systemd-nspawn). */
const MACHINE = /^(?:machine-(.+)\.scope|systemd-nspawn@(.+)\.service)$/;
/** libvirt registers virtual machines too, but their process is a host process. */
const VIRTUAL_MACHINE = /^qemu-\d+-/;

/** Unit names have special bytes as \xNN (man 7 systemd.unit). */
function unescapeUnit(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function machineName(group: string, child: string | undefined): string {
  const [, scope, service] = MACHINE.exec(group) ?? [];
  const name = unescapeUnit(scope ?? service ?? '');
  // nspawn itself is in "supervisor"; the processes of its container are in "payload".
  return child === 'supervisor' || VIRTUAL_MACHINE.test(name) ? '' : name;
}

/** The container id of one group of a path, by its name and the names beside it; '' for none. */
function idOfGroup(group: string, parent: string | undefined, child: string | undefined, path: string): string {
  const [, runtime, hexId] = HEX_ID.exec(group) ?? [];
  // With cgroupfs, podman puts conmon into a group of the pod, and the pod id is as long as a container id.
  if (hexId) return runtime?.endsWith('conmon') || child === 'conmon' ? '' : hexId;
  if (UUID.test(group) && parent?.startsWith('pod')) return group;
  if (FARGATE_ID.test(group) && path.startsWith('/ecs/')) return group;
  const [, step] = BUILD_STEP.exec(group) ?? [];
  if (step && (group !== step || parent === 'docker' || parent === 'buildkit')) return step;
  const [, payload] = LXC_PAYLOAD.exec(group) ?? [];
  if (payload) return payload;
  if (parent === 'lxc' || parent === 'lxc.payload' || parent === 'garden') return group;
  return machineName(group, child);
}

/** A control group that is named as the group of a container. */
interface ContainerGroup {
  /** 64 hex digits if the runtime uses them, otherwise the name of the container (LXC, systemd-nspawn). */
  readonly id: string;
  /** Path of the group above it. */
  readonly above: string;
}

/** The groups of a path that are named as containers, the outermost first. `cgroupPath` is as in /proc/PID/cgroup, of any hierarchy. */
export function containerGroups(cgroupPath: string): ContainerGroup[] {
  // The kernel adds this after the group is removed (kernel/cgroup/cgroup.c, proc_cgroup_show).
  const path = cgroupPath.replace(/ \(deleted\)$/, '');
  const groups = path.split('/').filter((group) => group !== '');
  return groups.flatMap((group, at) => {
    const id = idOfGroup(group, groups[at - 1], groups[at + 1], path);
    return id === '' ? [] : [{ id, above: `/${groups.slice(0, at).join('/')}` }];
  });
}

/** The id of the innermost container of a control group; '' outside containers. */
export function containerIdOf(cgroupPath: string): string {
  return containerGroups(cgroupPath).at(-1)?.id ?? '';
}

/** Few hosts have more control groups with processes at one time. */
const PATHS_MAX = 1024;

/** containerIdOf with a cache: many processes share a control group. */
export class ContainerIds {
  readonly #ids = new LRUCache<string, string>({ max: PATHS_MAX });

  of(cgroupPath: string): string {
    const known = this.#ids.get(cgroupPath);
    if (known !== undefined) return known;
    const id = containerIdOf(cgroupPath);
    this.#ids.set(cgroupPath, id);
    return id;
  }
}
