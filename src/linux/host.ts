/** Facts about the host at the time of an event. A boot, an upgrade or an administrator may change them. */
import { readFileSync } from 'node:fs';
import { machine, type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { osFamily, parseOsRelease } from './os_release.ts';

/** Facts about a host at the time of an event. '' if unknown. */
export interface HostFacts {
  readonly id: string;
  readonly bootId: string;
  readonly hostname: string;
  readonly architecture: string;
  readonly kernel: string;
  /** Addresses without a zone, and MACs in the form of RFC 7042, of its interfaces except the loopback. */
  readonly ip: readonly string[];
  readonly mac: readonly string[];
  readonly os: {
    readonly family: string;
    readonly name: string;
    readonly version: string;
    readonly platform: string;
    readonly full: string;
  };
}

/** HostFacts as JSON. The object is the same while the host does not change. */
interface HostJson {
  readonly json: string;
}

interface HostSources {
  /** Root of the host file system. */
  readonly root?: string;
  /** As in `uname -m`. */
  readonly architecture?: string;
  /** As in os.networkInterfaces. */
  readonly interfaces?: () => NodeJS.Dict<NetworkInterfaceInfo[]>;
}

export function readHost(sources: HostSources = {}): HostFacts {
  const { root = '/', architecture = machine(), interfaces = networkInterfaces } = sources;
  const read = (...paths: string[]) => firstText(paths.map((path) => join(root, path)));
  const release = parseOsRelease(read('etc/os-release', 'usr/lib/os-release'));
  return {
    id: read('etc/machine-id', 'var/lib/dbus/machine-id'),
    bootId: read('proc/sys/kernel/random/boot_id'),
    hostname: read('proc/sys/kernel/hostname', 'etc/hostname'),
    architecture,
    kernel: read('proc/sys/kernel/osrelease'),
    ...addressesOf(interfaces),
    os: {
      family: osFamily(release) ?? '',
      name: release.get('NAME') ?? '',
      version: release.get('VERSION_ID') ?? release.get('VERSION') ?? '',
      platform: release.get('ID') ?? '',
      full: release.get('PRETTY_NAME') ?? '',
    },
  };
}

/** A host with many containers has an interface for each: only the first ones are recorded. */
const ADDRESSES_MAX = 64;

function addressesOf(interfaces: () => NodeJS.Dict<NetworkInterfaceInfo[]>): Pick<HostFacts, 'ip' | 'mac'> {
  const external = listed(interfaces).filter(({ internal }) => !internal);
  const firstOf = (all: readonly string[]) => [...new Set(all)].slice(0, ADDRESSES_MAX);
  return {
    ip: firstOf(external.map(({ address }) => address.split('%', 1)[0] ?? '')),
    mac: firstOf(external.map(({ mac }) => mac.toUpperCase().replaceAll(':', '-')).filter((mac) => mac !== NO_MAC)),
  };
}

/** The value of an interface without a MAC, such as a tunnel. */
const NO_MAC = '00-00-00-00-00-00';

function listed(interfaces: () => NodeJS.Dict<NetworkInterfaceInfo[]>): NetworkInterfaceInfo[] {
  try {
    return Object.values(interfaces()).flatMap((addresses) => addresses ?? []);
  } catch {
    // A sandbox may forbid the system calls. Then the addresses are unknown.
    return [];
  }
}

/** The host of a recorded log: at most its name is known. Facts of the host that reads the log do not apply. */
export function recordedHost(name: string): HostJson {
  const os = { family: '', name: '', version: '', platform: '', full: '' };
  const unknown = { id: '', bootId: '', architecture: '', kernel: '', ip: [], mac: [] };
  const facts: HostFacts = { ...unknown, hostname: name, os };
  return { json: JSON.stringify(facts) };
}

/** Maximum age of the facts. Reading the addresses may wait for a running change of the network. */
const REREAD_MS = 60_000;

/** Facts of this host, read again periodically. The same object while nothing changes. */
export class HostReader {
  readonly #sources: HostSources;
  readonly #now: () => number;
  #facts: HostJson | undefined;
  #readMs = 0;

  /** `now`: monotonic clock, in milliseconds. */
  constructor(sources: HostSources = {}, now: () => number = () => performance.now()) {
    this.#sources = sources;
    this.#now = now;
  }

  /** HostFacts. */
  get facts(): HostJson {
    const now = this.#now();
    if (this.#facts && now - this.#readMs < REREAD_MS) return this.#facts;
    this.#readMs = now;
    const json = JSON.stringify(readHost(this.#sources));
    if (json !== this.#facts?.json) this.#facts = { json };
    return this.#facts;
  }
}

/** The content of /etc/machine-id before the first boot (man 5 machine-id). */
const NO_MACHINE_ID = 'uninitialized';

/** The text of the first file that exists and is not empty. */
function firstText(paths: readonly string[]): string {
  for (const path of paths) {
    try {
      const text = readFileSync(path, 'utf8').trim();
      if (text !== '' && text !== NO_MACHINE_ID) return text;
    } catch {
      // Not every host has all files.
    }
  }
  return '';
}
