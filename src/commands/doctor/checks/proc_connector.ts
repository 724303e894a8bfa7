/** Checks that the kernel reports forks, exits and new sessions. */
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import type { Check } from '../check.ts';
import { ok, problem, skipped, warning } from '../finding.ts';
import { reportedProblems } from '../reported_problems.ts';
import { isEbpfUsed } from '../sensor_in_use.ts';

/** include/linux/proc_ns.h: inode numbers of the initial namespaces. */
const INITIAL_NAMESPACES = { pid: 'pid:[4026531836]', user: 'user:[4026531837]' } as const;

export const procConnector: Check = {
  id: 'proc_connector',
  title: 'proc connector',
  async run(host) {
    if (await isEbpfUsed(host)) return [ok('not needed: eBPF reports forks and exits')];
    const error = host.connectorError();
    const { EPERM, EACCES } = constants.errno;
    if (error === EPERM || error === EACCES) return [skipped('cannot be checked without CAP_NET_ADMIN')];
    if (error !== 0)
      return [
        problem(
          `the kernel has no proc connector (${getSystemErrorName(-error)})`,
          'modprobe cn, or boot a kernel with CONFIG_PROC_EVENTS=y; until then audit reports forks, at a higher cost',
        ),
      ];
    for (const [name, initial] of Object.entries(INITIAL_NAMESPACES)) {
      const here = host.link(`/proc/self/ns/${name}`);
      if (here !== undefined && here !== initial)
        return [
          problem(
            `this is not the initial ${name} namespace (${here}): the kernel reports nothing here`,
            `run osqueryd on the host, not in a container${name === 'pid' ? ', or with --pid=host' : ''}`,
          ),
        ];
    }
    const osquery = await host.osquery();
    const { stats } = osquery;
    const reported = reportedProblems(osquery).find(({ code }) => code.startsWith('proc_events_'));
    if (reported)
      return [
        warning(
          `the extension cannot use it: ${reported.message}`,
          'boot a kernel with CONFIG_PROC_EVENTS=y, and restart osqueryd; until then audit reports forks, at a higher cost',
        ),
      ];
    return [ok(stats ? `used by the collector ${stats.collector}` : 'can be bound')];
  },
};
