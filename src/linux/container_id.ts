/**
 * Which container a control group belongs to: by the names that container runtimes give to groups, the innermost first,
 * because a container may hold others (kind, Docker in Docker). Groups of pods, slices and conmon are none.
 */
import { LRUCache } from 'lru-cache';

/** docker, containerd, cri-o, podman, Docker on ECS: the id alone, or after the runtime's name; a scope under systemd. */
const HEX_ID = /^(?:(.*)[-:])?([0-9a-f]{64})(?:\.scope)?$/;
/** The ids that BuildKit gives to the steps of a build (moby/buildkit, identity/randomid.go). */
const BUILD_STEP = /^(?:.*:docker:)?([0-9a-z]{25})$/;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Fargate's: the task's id and a number. */
const FARGATE_ID = /^[0-9a-f]{32}-\d+$/;
const LXC_PAYLOAD = /^lxc\.payload\.(.+)$/;
/** What systemd-machined calls a scope, and nspawn its service (man 5 systemd.resource-control, man 1 systemd-nspawn). */
const MACHINE = /^(?:machine-(.+)\.scope|systemd-nspawn@(.+)\.service)$/;
/** libvirt registers virtual machines as well: their process is the host's. */
const VIRTUAL_MACHINE = /^qemu-\d+-/;

/** The names of units hold other bytes as \xNN (man 7 systemd.unit). */
function unescapeUnit(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function machineName(group: string, child: string | undefined): string {
  const [, scope, service] = MACHINE.exec(group) ?? [];
  const name = unescapeUnit(scope ?? service ?? '');
  // nspawn itself is beside its container's processes, which are in "payload".
  return child === 'supervisor' || VIRTUAL_MACHINE.test(name) ? '' : name;
}

/** The container that one group of a path is, by its name and its neighbours'; '' for none. */
function idOfGroup(group: string, parent: string | undefined, child: string | undefined, path: string): string {
  const [, runtime, hexId] = HEX_ID.exec(group) ?? [];
  // With cgroupfs, podman puts conmon into a group of the pod, whose id is as long as a container's.
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

/**
 * The id of the container that processes of a control group are in: 64 hex digits where the runtime gives such, else its
 * name (LXC, systemd-nspawn). '' outside containers. `cgroupPath` is as in /proc/PID/cgroup, of any hierarchy.
 */
export function containerIdOf(cgroupPath: string): string {
  // What the kernel adds once the group is removed (kernel/cgroup/cgroup.c, proc_cgroup_show).
  const path = cgroupPath.replace(/ \(deleted\)$/, '');
  const groups = path.split('/').filter((group) => group !== '');
  for (let at = groups.length - 1; at >= 0; at--) {
    const id = idOfGroup(groups[at] ?? '', groups[at - 1], groups[at + 1], path);
    if (id !== '') return id;
  }
  return '';
}

/** Few hosts have more control groups with processes in them at a time. */
const PATHS_MAX = 1024;

/** containerIdOf, remembered: many processes share a control group. */
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
