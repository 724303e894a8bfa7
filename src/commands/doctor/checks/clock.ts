/** Checks that timestamps are correct and comparable with those of other hosts. */
import type { Check } from '../check.ts';
import { type Finding, ok, warning } from '../finding.ts';

/** Larger than the rounding error: rows have whole seconds of two clocks. */
const JUMP_SECONDS = 5;
/** systemd-timesyncd creates this file when it has set the clock (man 8 systemd-timesyncd.service). */
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
            'order rows of that period by uptime or eid, not by time; configure NTP to slew instead of step',
          ),
        );
      }
    }
    if (!synchronized && !host.file(TIMESYNC_MARK))
      findings.push(
        warning(
          'the clock is not synchronized: its times cannot be compared with those of other hosts',
          'timedatectl set-ntp true, or start chronyd; nothing if the hypervisor sets the clock',
        ),
      );
    return findings.length > 0 ? findings : [ok('synchronized, without jumps')];
  },
};
