/** Whether times can be relied on, and compared with those of other hosts. */
import type { Check } from '../check.ts';
import { type Finding, ok, warning } from '../finding.ts';

/** Rows have whole seconds, of two clocks. */
const JUMP_SECONDS = 5;
/** systemd-timesyncd's mark that it has set the clock (man 8 systemd-timesyncd.service). */
const TIMESYNC_MARK = '/run/systemd/timesync/synchronized';

export const clock: Check = {
  id: 'clock',
  title: 'clock',
  async run(host) {
    const { unixSeconds, uptimeSeconds, synchronized } = host.clock();
    const findings: Finding[] = [];
    const { oldest } = await host.osquery();
    if (oldest) {
      const jump = Math.round(unixSeconds - uptimeSeconds - (oldest.unixSeconds - oldest.uptimeSeconds));
      if (Math.abs(jump) > JUMP_SECONDS) {
        const since = new Date(oldest.unixSeconds * 1000).toISOString();
        findings.push(
          warning(
            `the clock was set ${jump > 0 ? 'forward' : 'back'} by ${Math.abs(jump)} s since ${since}`,
            'compare rows of that time by uptime or eid, not by time; let NTP slew rather than step',
          ),
        );
      }
    }
    if (!synchronized && !host.file(TIMESYNC_MARK))
      findings.push(
        warning(
          'the clock follows no other: its times cannot be compared with those of other hosts',
          'timedatectl set-ntp true, or start chronyd; nothing, where the hypervisor sets the clock',
        ),
      );
    return findings.length > 0 ? findings : [ok('follows another, and did not jump')];
  },
};
