/** Whether osqueryd is told to start the extension, once, from a path that leads to this file. */
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
    // One that runs says which list it has read.
    const { flags } = await host.osquery();
    if (flags.extensions_autoload) return [listed(host, flags.extensions_autoload)];
    const [etc, orbit] = LISTS;
    const present = LISTS.filter(({ directory }) => host.file(directory));
    // Orbit hands its list to osqueryd only while it is not empty (orbit/cmd/orbit/orbit.go), and empties it itself where
    // Fleet distributes no extensions (orbit/pkg/update/flag_runner.go): then osqueryd has its default, as without Orbit.
    if (present.includes(orbit) && !host.text(orbit.file)?.trim()) return [listed(host, etc.file)];
    if (present.length === 0) {
      const message = 'no osquery is configured here: neither /etc/osquery nor /opt/orbit is there';
      return [warning(message, `install osquery, and put the line ${host.extensionPath} into ${etc.file}`)];
    }
    return present.map(({ file }) => listed(host, file));
  },
};

function listed(host: Host, file: string): Finding {
  const text = host.text(file);
  const advice = `put the line ${host.extensionPath} into it, and restart osqueryd`;
  if (text === undefined) return warning(`${file} is not there: osqueryd does not start the extension`, advice);
  const lines = text.split('\n').map((line) => line.trim());
  // Of lines that are the same osqueryd starts one (osquery/extensions/extensions.cpp, loadExtensions: a set).
  const ours = [...new Set(lines.filter((line) => isOurs(host, line)))];
  const [entry] = ours;
  if (entry === undefined) return warning(`${file} does not name the extension: osqueryd does not start it`, advice);
  if (ours.length > 1)
    return problem(
      `${file} names the extension ${ours.length} times: osqueryd starts each, and all but one are refused`,
      `leave one line of: ${ours.join(', ')}`,
    );
  if (host.realPath(entry) === undefined)
    return problem(`${file} names ${entry}, which is not there`, `put ${host.extensionPath} in its place`);
  if (!isSameFile(host, entry))
    return warning(
      `${file} names ${entry}, which is not this file (${host.extensionPath})`,
      'run that one with "doctor", or correct the line',
    );
  const way = waysToReplace(host, file);
  if (way) return problem(`${way.what}: who changes what is there becomes root`, way.advice);
  return ok(`${file} names ${entry}`);
}

/** By its name, or by what it leads to. What begins with # or ; is a comment (extensions.cpp, isFileSafe). */
function isOurs(host: Host, line: string): boolean {
  if (line === '' || /^[#;]/.test(line)) return false;
  return line.endsWith('/process_ancestry.ext') || isSameFile(host, line);
}

function isSameFile(host: Host, path: string): boolean {
  const real = host.realPath(path);
  return real !== undefined && real === host.realPath(host.extensionPath);
}
