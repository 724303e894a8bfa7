/** Checks that osquery accepts the file, and that only root can change it. */
import { dirname } from 'node:path';
import type { Check } from '../check.ts';
import { ok, problem } from '../finding.ts';
import { octal, waysToReplace } from './writable_by_others.ts';

const OWNER_EXECUTES = 0o100;
const OTHERS_WRITE = 0o002;
const STICKY = 0o1000;

export const filePermissions: Check = {
  id: 'file_permissions',
  title: 'file permissions',
  run(host) {
    const path = host.realPath(host.extensionPath);
    const file = path === undefined ? undefined : host.file(path);
    if (path === undefined || !file)
      return [problem(`${host.extensionPath} does not exist`, 'reinstall the package, or run npm run build')];
    const directory = dirname(host.extensionPath);
    // osquery's rules: osquery/filesystem/filesystem.cpp, safePermissions; extensions.cpp for the name.
    if (!host.extensionPath.endsWith('.ext'))
      return [problem(`osquery loads only files with the suffix .ext, not ${host.extensionPath}`, 'rename it')];
    if (file.kind !== 'file') return [problem(`${path} is not a file`, 'reinstall the package')];
    if (file.uid !== 0)
      return [problem(`${path} belongs to user ${file.uid}: osquery does not load it`, `chown root:root ${path}`)];
    if (!(file.mode & OWNER_EXECUTES))
      return [problem(`${path} (${octal(file.mode)}) cannot be executed`, `chmod 0755 ${path}`)];
    if (file.mode & OTHERS_WRITE)
      return [problem(`all users can write ${path}: osquery does not load it`, `chmod 0755 ${path}`)];
    if ((host.file(host.realPath(directory) ?? directory)?.mode ?? 0) & STICKY)
      return [
        problem(
          `osquery loads no extension from a sticky, world-writable directory: ${directory}`,
          'move it to a directory that only root can write, such as /usr/lib/osquery-process-ancestry',
        ),
      ];
    const way = waysToReplace(host, path) ?? waysToReplace(host, host.extensionPath);
    if (way) return [problem(`${way.what}: this allows another user to become root`, way.advice)];
    return [ok(`only root can change ${path}`)];
  },
};
