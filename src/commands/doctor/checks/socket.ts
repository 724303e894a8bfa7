/** Checks that osquery listens and answers. */
import type { Check } from '../check.ts';
import { ok, problem } from '../finding.ts';

export const socket: Check = {
  id: 'socket',
  title: "osquery's socket",
  async run(host) {
    const path = host.socketPath;
    const start =
      'start osqueryd (systemctl start osqueryd, or orbit), or set --socket to the path of its --extensions_socket';
    const found = host.file(path);
    if (!found) {
      return host.uid === 0
        ? [problem(`${path} does not exist: osquery does not run, or runs without extensions`, start)]
        : [problem(`${path} does not exist, or this user may not see it`, 'run doctor as root')];
    }
    if (host.file(host.realPath(path) ?? path)?.kind !== 'socket') return [problem(`${path} is not a socket`, start)];
    const { error } = await host.osquery();
    if (error === undefined) return [ok(`${path} answers`)];
    return [problem(`no answer: ${error}`, host.uid === 0 ? start : 'run doctor as root')];
  },
};
