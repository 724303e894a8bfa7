/** Times as a reader of this host tells them. */

export interface LocalTimes {
  /** 10:04:35, with the date where that is not `day`, and the year where that is another; '' for null. */
  readonly short: (unixSeconds: number | null) => string;
  /** Whose times these are, as UTC or CET, with the day where that is not today. */
  readonly title: string;
}

/**
 * `day`: any time of the day that goes without saying, of a recorded log its last; default: today. `zone` as the
 * environment variable TZ names it; default: this host's.
 */
export function localTimes(nowUnixSeconds: number, { day, zone }: { day?: number; zone?: string } = {}): LocalTimes {
  const options = { hourCycle: 'h23', ...(zone === undefined ? {} : { timeZone: zone }) } as const;
  const clock = new Intl.DateTimeFormat('en-GB', { ...options, hour: '2-digit', minute: '2-digit', second: '2-digit' });
  // Swedish dates are those of ISO 8601.
  const date = new Intl.DateTimeFormat('sv-SE', { ...options, year: 'numeric', month: '2-digit', day: '2-digit' });
  const named = new Intl.DateTimeFormat('en-GB', { ...options, timeZoneName: 'short' });
  const today = date.format(nowUnixSeconds * 1000);
  const usual = date.format((day ?? nowUnixSeconds) * 1000);
  const said =
    named.formatToParts(nowUnixSeconds * 1000).find(({ type }) => type === 'timeZoneName')?.value ?? 'local time';
  return {
    short: (unixSeconds) => {
      if (unixSeconds === null) return '';
      const its = date.format(unixSeconds * 1000);
      const time = clock.format(unixSeconds * 1000);
      if (its === usual) return time;
      const isSameYear = its.slice(0, 4) === usual.slice(0, 4);
      return `${isSameYear ? its.slice(5) : its} ${time}`;
    },
    title: usual === today ? said : `${usual} ${said}`,
  };
}

/** A time of `--since`: 30s, 15m, 2h, 3d before now, or a date that JavaScript reads; undefined for what is neither. */
export function sinceTime(text: string, nowUnixSeconds: number): number | undefined {
  const [, number, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (number && unit) return nowUnixSeconds - Number(number) * ({ s: 1, m: 60, h: 3600, d: 86_400 }[unit] ?? 1);
  const date = /^\d{4}-/.test(text) ? Date.parse(text.replace(' ', 'T')) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.floor(date / 1000);
}
