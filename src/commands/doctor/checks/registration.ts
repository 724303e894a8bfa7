/** Checks that the extension is registered and answers through osquery. */
import type { Check } from '../check.ts';
import { ok, problem, skipped } from '../finding.ts';

export const registration: Check = {
  id: 'registration',
  title: 'registration',
  async run(host) {
    const { error, extension, stats, statsError } = await host.osquery();
    if (error !== undefined) return [skipped('osquery does not answer')];
    if (!extension)
      return [
        problem(
          'osquery does not list process_ancestry: it was not started, or it has ended',
          "restart osqueryd, and check its log (journalctl -u osqueryd) for the extension's last messages",
        ),
      ];
    const who = `process_ancestry ${extension.version}, uuid ${extension.uuid}`;
    if (!stats)
      return [
        problem(
          `${who} does not answer: ${statsError}`,
          `restart osqueryd; if it happens again, report it as a bug with the extension's log`,
        ),
      ];
    const pid = extension.pid === undefined ? '' : `, process ${extension.pid}`;
    return [ok(`${who}${pid}, up for ${duration(Number(stats.uptime_seconds))}, collector ${stats.collector}`)];
  },
};

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}
