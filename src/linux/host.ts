/** The host, as it is when an event happens: a boot and an upgrade change it, and so does its owner. */
import { readFileSync } from 'node:fs';
import { machine, type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { osFamily, parseOsRelease } from './os_release.ts';

/** A host, as it was when an event happened on it. '' is what the host does not tell. */
export interface HostFacts {
  readonly id: string;
  readonly bootId: string;
  readonly hostname: string;
  readonly architecture: string;
  readonly kernel: string;
  /** Addresses, without a zone, and MACs as RFC 7042 has them, of its interfaces but for the loopback. */
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

/** HostFacts as JSON. One object is one state of the host. */
interface HostJson {
  readonly json: string;
}

interface HostSources {
  /** Where the host's file system is. */
  readonly root?: string;
  /** As `uname -m`. */
  readonly architecture?: string;
  /** As os.networkInterfaces. */
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

/** A host of many containers has an interface for each: the first ones are told. */
const ADDRESSES_MAX = 64;

function addressesOf(interfaces: () => NodeJS.Dict<NetworkInterfaceInfo[]>): Pick<HostFacts, 'ip' | 'mac'> {
  const external = listed(interfaces).filter(({ internal }) => !internal);
  const firstOf = (all: readonly string[]) => [...new Set(all)].slice(0, ADDRESSES_MAX);
  return {
    ip: firstOf(external.map(({ address }) => address.split('%', 1)[0] ?? '')),
    mac: firstOf(external.map(({ mac }) => mac.toUpperCase().replaceAll(':', '-')).filter((mac) => mac !== NO_MAC)),
  };
}

/** As of an interface that has no MAC, such as a tunnel. */
const NO_MAC = '00-00-00-00-00-00';

function listed(interfaces: () => NodeJS.Dict<NetworkInterfaceInfo[]>): NetworkInterfaceInfo[] {
  try {
    return Object.values(interfaces()).flatMap((addresses) => addresses ?? []);
  } catch {
    // A sandbox may forbid the system calls for it; the host has no addresses then.
    return [];
  }
}

/** The host of a recorded log, of which only the name is known, if that: nothing of the host that reads the log. */
export function recordedHost(name: string): HostJson {
  const os = { family: '', name: '', version: '', platform: '', full: '' };
  const unknown = { id: '', bootId: '', architecture: '', kernel: '', ip: [], mac: [] };
  const facts: HostFacts = { ...unknown, hostname: name, os };
  return { json: JSON.stringify(facts) };
}

/** How old what was read may be. Who asks for addresses may wait for a change of the network that is under way. */
const REREAD_MS = 60_000;

/** This host, read again from time to time: the same object as long as nothing changed. */
export class HostReader {
  readonly #sources: HostSources;
  readonly #now: () => number;
  #facts: HostJson | undefined;
  #readMs = 0;

  /** `now`: milliseconds of a clock that does not jump. */
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

/** What /etc/machine-id says before a first boot has made one (man 5 machine-id). */
const NO_MACHINE_ID = 'uninitialized';

/** Of the first file that there is and that says anything. */
function firstText(paths: readonly string[]): string {
  for (const path of paths) {
    try {
      const text = readFileSync(path, 'utf8').trim();
      if (text !== '' && text !== NO_MACHINE_ID) return text;
    } catch {
      // Hosts differ in what they have; what none of the files says is not known.
    }
  }
  return '';
}
