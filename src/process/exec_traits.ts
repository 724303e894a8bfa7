/** What an exec was like, as one number in a stored row: a bit for each flag, and small fields for descriptors and namespaces. */
import type { DescriptorKind, ExecDetails } from '../collect/event.ts';

/** The flags in the order of their bits, beginning with the lowest. A bit keeps its meaning for ever: rows are stored. */
const TRAITS = ['script', 'memfd', 'deleted', 'upper_layer', 'file_capabilities', 'gained_privileges'] as const;
const ENVIRONMENT_CUT = 1 << 6;

const KINDS: readonly DescriptorKind[] = ['', 'closed', 'tty', 'pipe', 'socket', 'file', 'null', 'other'];
const KIND_BITS = 3;
const DESCRIPTORS = ['stdin', 'stdout', 'stderr'] as const;
const FIRST_DESCRIPTOR_BIT = 7;

/** In the order of the bits of `newNamespaces` in ExecDetails, with their names in /proc/PID/ns. */
const NAMESPACES = ['mnt', 'pid', 'net', 'user', 'ipc', 'uts', 'cgroup', 'time'] as const;
const FIRST_NAMESPACE_BIT = FIRST_DESCRIPTOR_BIT + KIND_BITS * DESCRIPTORS.length;

/** Bits of st_mode (man 7 inode). */
const SETUID = 0o4000;
/** Without the execute bit of the group, the kernel ignores set-group-ID (fs/exec.c, bprm_fill_uid). */
const SETGID = 0o2010;
const WRITABLE_BY_OTHERS = 0o0002;

/** The number for a stored row. `isEnvironmentCut`: variables may be missing. */
export function traitBits(details: ExecDetails, isEnvironmentCut = details.environmentCut): number {
  return (
    Number(details.isScript) |
    (Number(details.isMemfd) << 1) |
    (Number(details.isDeleted) << 2) |
    (Number(details.isUpperLayer) << 3) |
    (Number(details.hasFileCapabilities) << 4) |
    (Number(details.gainsPrivilege) << 5) |
    (isEnvironmentCut ? ENVIRONMENT_CUT : 0) |
    (KINDS.indexOf(details.stdinKind) << FIRST_DESCRIPTOR_BIT) |
    (KINDS.indexOf(details.stdoutKind) << (FIRST_DESCRIPTOR_BIT + KIND_BITS)) |
    (KINDS.indexOf(details.stderrKind) << (FIRST_DESCRIPTOR_BIT + 2 * KIND_BITS)) |
    ((details.newNamespaces ?? 0) << FIRST_NAMESPACE_BIT)
  );
}

/** Whether the environment may have had more of the recorded variables. */
export function isEnvironmentCut(bits: number | undefined): boolean {
  return bits !== undefined && (bits & ENVIRONMENT_CUT) !== 0;
}

/** The ids of a row; undefined if unknown. */
type Ids = { readonly [name in 'uid' | 'euid' | 'gid' | 'egid']: number | undefined };

/** The column exec_traits as JSON: what is true, and what is known of descriptors. `mode` is of the program file. */
export function traitsText(bits: number, mode: number | undefined, { uid, euid, gid, egid }: Ids): string {
  const traits: Record<string, true | string | string[]> = {};
  for (const [bit, name] of TRAITS.entries()) if ((bits & (1 << bit)) !== 0) traits[name] = true;
  // An exec with other effective than real ids has AT_SECURE (security/commoncap.c, cap_bprm_creds_from_file).
  if (uid !== euid || gid !== egid) traits.gained_privileges = true;
  if (mode !== undefined) {
    if ((mode & SETUID) !== 0) traits.setuid = true;
    if ((mode & SETGID) === SETGID) traits.setgid = true;
    // The mode of a memfd allows it, but other users cannot reach the file.
    if ((mode & WRITABLE_BY_OTHERS) !== 0 && !traits.memfd) traits.writable_by_others = true;
  }
  for (const [at, name] of DESCRIPTORS.entries()) {
    const kind = KINDS[(bits >> (FIRST_DESCRIPTOR_BIT + at * KIND_BITS)) & ((1 << KIND_BITS) - 1)];
    if (kind) traits[name] = kind;
  }
  const namespaces = NAMESPACES.filter((_, at) => (bits & (1 << (FIRST_NAMESPACE_BIT + at))) !== 0);
  if (namespaces.length > 0) traits.new_namespaces = namespaces;
  return JSON.stringify(traits);
}
