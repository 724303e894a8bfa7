/** The hosts for each package, and Fleet's files that select them: pre-install queries and policies that install. */
import { VERSION } from '../../src/program/version.ts';
import { toYaml } from './yaml.ts';

interface PackageKind {
  /** Its name in Fleet and osquery. */
  readonly kind: 'deb' | 'rpm';
  /** SQL over os_version. A case that is not listed is NULL: not such a host. */
  readonly condition: string;
}

/**
 * osquery fills os_version from /etc/os-release, except that /etc/redhat-release, where it exists, makes platform and
 * platform_like `rhel`: on RHEL, its rebuilds and Fedora (osquery, tables/system/linux/os_version.cpp). Debian has no
 * platform_like. The versions are the first with glibc 2.28.
 */
const KINDS: readonly PackageKind[] = [
  {
    kind: 'deb',
    // Debian's testing and unstable have no version. Derivatives have their own versions: apt checks libc6 there.
    condition: `CASE
    WHEN platform = 'debian' THEN major >= 11 OR major = 0
    WHEN platform = 'ubuntu' THEN major >= 20
    ELSE platform_like LIKE '%debian%'
  END`,
  },
  {
    kind: 'rpm',
    // The Micro systems of SUSE have a read-only root.
    condition: `CASE
    WHEN platform = 'amzn' THEN major >= 2023
    WHEN name LIKE 'Fedora%' THEN major >= 29
    WHEN platform = 'rhel' OR platform_like LIKE '%rhel%' THEN major >= 8
    WHEN platform LIKE '%micro%' THEN 0
    WHEN platform_like LIKE '%suse%' THEN major > 15 OR (major = 15 AND minor >= 3)
  END`,
  },
];

export type Kind = PackageKind['kind'];
export const kinds: readonly Kind[] = KINDS.map(({ kind }) => kind);

/** Returns a row on a host that can have the package. */
export function hostsQuery(kind: Kind): string {
  const condition = KINDS.find((one) => one.kind === kind)?.condition;
  return `SELECT 1 FROM os_version WHERE arch = 'x86_64' AND ${condition}`;
}

/** Returns a row on a host that has this version of the package, and on one that cannot have it. */
export function policyQuery(kind: Kind): string {
  return `SELECT 1 WHERE NOT EXISTS (
  ${hostsQuery(kind)}
) OR EXISTS (
  SELECT 1 FROM ${kind}_packages WHERE name = 'osquery-process-ancestry' AND version = '${VERSION}'
)`;
}

const HEADER = '# Made by npm run generate from packaging/fleet/package_hosts.ts: change that.\n---\n';

/** The text of each generated file, by its path below packaging/fleet. */
export function packageFiles(): [string, string][] {
  return kinds.flatMap((kind): [string, string][] => {
    const preInstall = [{ name: `Process ancestry can be installed here (${kind})`, query: hostsQuery(kind) }];
    const policy = {
      name: `Process ancestry is installed (${kind})`,
      description: `Hosts that can have the .${kind} have version ${VERSION}; all others pass.`,
      resolution: 'Fleet installs the package when this policy fails.',
      query: policyQuery(kind),
      platform: 'linux',
      critical: false,
      install_software: { package_path: `../software/process-ancestry-${kind}.yml` },
    };
    return [
      [`software/pre-install-${kind}.yml`, HEADER + toYaml(preInstall)],
      [`policies/install-${kind}.yml`, HEADER + toYaml([policy])],
    ];
  });
}
