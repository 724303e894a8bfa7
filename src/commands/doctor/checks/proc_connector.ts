/** Whether the kernel tells of forks, exits and new sessions. */
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import type { Check } from '../check.ts';
import { ok, problem, skipped, warning } from '../finding.ts';
import { reportedProblems } from '../reported_problems.ts';
import { isEbpfUsed } from '../sensor_in_use.ts';

/** include/linux/proc_ns.h: the inode numbers of the namespaces that the host booted with. */
const INITIAL_NAMESPACES = { pid: 'pid:[4026531836]', user: 'user:[4026531837]' } as const;

export const procConnector: Check = {
  id: 'proc_connector',
  title: 'proc connector',
  async run(host) {
    if (await isEbpfUsed(host)) return [ok('not needed: eBPF tells of forks and exits')];
    const error = host.connectorError();
    const { EPERM, EACCES } = constants.errno;
    if (error === EPERM || error === EACCES) return [skipped('not to be tried without CAP_NET_ADMIN')];
    if (error !== 0)
      return [
        problem(
          `the kernel has no connector (${getSystemErrorName(-error)})`,
          'modprobe cn, or boot a kernel with CONFIG_PROC_EVENTS=y; until then audit tells of forks, at a cost',
        ),
      ];
    for (const [name, initial] of Object.entries(INITIAL_NAMESPACES)) {
      const here = host.link(`/proc/self/ns/${name}`);
      if (here !== undefined && here !== initial)
        return [
          problem(
            `this is not the initial ${name} namespace (${here}): the kernel tells nothing here`,
            `run osqueryd on the host rather than in a container${name === 'pid' ? ', or with --pid=host' : ''}`,
          ),
        ];
    }
    const osquery = await host.osquery();
    const { stats } = osquery;
    const reported = reportedProblems(osquery).find(({ code }) => code.startsWith('proc_events_'));
    if (reported)
      return [
        warning(
          `the extension could not use it: ${reported.message}`,
          'boot a kernel with CONFIG_PROC_EVENTS=y, and restart osqueryd: audit tells of forks meanwhile, at a cost',
        ),
      ];
    return [ok(stats ? `used by the collector ${stats.collector}` : 'can be bound')];
  },
};
