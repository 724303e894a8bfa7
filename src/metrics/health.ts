/** The answer of /healthz: healthy or not, with the reasons. */

import type { Registration } from '../osquery/index.ts';
import type { RecorderStats } from '../recording/recorder_stats.ts';
import type { Health } from './metrics_server.ts';

/** Problems that do not stop the recording are listed, but do not make the extension unhealthy. */
export function healthOf(
  { registered }: Pick<Registration, 'registered'>,
  { source, problems }: Pick<RecorderStats, 'source' | 'problems'>,
): Health {
  const faults = [
    ...(registered ? [] : ['not registered with osquery']),
    ...(source.collector === 'none' ? ['nothing is recorded'] : []),
  ];
  const lines = [...(faults.length > 0 ? faults : ['ok']), ...problems.map(({ code }) => `problem: ${code}`)];
  return { healthy: faults.length === 0, text: `${lines.join('\n')}\n` };
}
