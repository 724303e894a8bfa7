/** Checks that the autoload file names this file exactly once. */
import type { Check } from '../check.ts';
import { type Finding, ok, problem, warning } from '../finding.ts';
import type { Host } from '../host.ts';
import { waysToReplace } from './writable_by_others.ts';

const LISTS = [
  { file: '/etc/osquery/extensions.load', directory: '/etc/osquery' },
  { file: '/opt/orbit/extensions.load', directory: '/opt/orbit' },
] as const;

export const autoload: Check = {
  id: 'autoload',
  title: 'extensions.load',
  async run(host) {
    // A running osqueryd reports which autoload file it has read.
    const { flags } = await host.osquery();
    if (flags.extensions_autoload) return [listed(host, flags.extensions_autoload)];
    const [etc, orbit] = LISTS;
    const present = LISTS.filter(({ directory }) => host.file(directory));
    // Orbit passes its list to osqueryd only when the list is not empty (orbit/cmd/orbit/orbit.go). It empties the list when
    // Fleet distributes no extensions (orbit/pkg/update/flag_runner.go). osqueryd then uses its default list.
    if (present.includes(orbit) && !host.text(orbit.file)?.trim()) return [listed(host, etc.file)];
    if (present.length === 0) {
      const message = 'osquery is not installed: neither /etc/osquery nor /opt/orbit exists';
      return [warning(message, `install osquery, and add the line ${host.extensionPath} to ${etc.file}`)];
    }
    return present.map(({ file }) => listed(host, file));
  },
};

function listed(host: Host, file: string): Finding {
  const text = host.text(file);
  const advice = `add the line ${host.extensionPath} to it, and restart osqueryd`;
  if (text === undefined) return warning(`${file} does not exist: osqueryd does not start the extension`, advice);
  const lines = text.split('\n').map((line) => line.trim());
  // osqueryd ignores duplicate lines (osquery/extensions/extensions.cpp, loadExtensions: a set).
  const ours = [...new Set(lines.filter((line) => isOurs(host, line)))];
  const [entry] = ours;
  if (entry === undefined) return warning(`${file} does not name the extension: osqueryd does not start it`, advice);
  if (ours.length > 1)
    return problem(
      `${file} names the extension ${ours.length} times: osqueryd starts each of them, and accepts only one`,
      `keep only one of these lines: ${ours.join(', ')}`,
    );
  if (host.realPath(entry) === undefined)
    return problem(`${file} names ${entry}, which does not exist`, `replace that line by ${host.extensionPath}`);
  if (!isSameFile(host, entry))
    return warning(
      `${file} names ${entry}, which is not this file (${host.extensionPath})`,
      'run doctor with that file, or correct the line',
    );
  const way = waysToReplace(host, file);
  if (way) return problem(`${way.what}: this allows another user to become root`, way.advice);
  return ok(`${file} names ${entry}`);
}

/** Entries with the extension's name, or that resolve to its file. # and ; begin a comment (extensions.cpp, isFileSafe). */
function isOurs(host: Host, line: string): boolean {
  if (line === '' || /^[#;]/.test(line)) return false;
  return line.endsWith('/process_ancestry.ext') || isSameFile(host, line);
}

function isSameFile(host: Host, path: string): boolean {
  const real = host.realPath(path);
  return real !== undefined && real === host.realPath(host.extensionPath);
}
