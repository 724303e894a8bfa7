/** Formats times in the local time zone. */

export interface LocalTimes {
  /** 10:04:35, with the date if it differs from `day`, and the year if it differs; '' for null. */
  readonly short: (unixSeconds: number | null) => string;
  /** Time zone, such as UTC or CET, with the date if `day` is not today. */
  readonly title: string;
}

/**
 * `day`: a time on the day whose date is omitted; for a recorded log its last day; default: today. `zone`: as in the
 * environment variable TZ; default: the zone of this host.
 */
export function localTimes(nowUnixSeconds: number, { day, zone }: { day?: number; zone?: string } = {}): LocalTimes {
  const options = { hourCycle: 'h23', ...(zone === undefined ? {} : { timeZone: zone }) } as const;
  const clock = new Intl.DateTimeFormat('en-GB', { ...options, hour: '2-digit', minute: '2-digit', second: '2-digit' });
  // The Swedish locale has ISO 8601 dates.
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

/** Parses `--since`: 30s, 15m, 2h or 3d ago, or a date that JavaScript can parse; undefined for other text. */
export function sinceTime(text: string, nowUnixSeconds: number): number | undefined {
  const [, number, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (number && unit) return nowUnixSeconds - Number(number) * ({ s: 1, m: 60, h: 3600, d: 86_400 }[unit] ?? 1);
  const date = /^\d{4}-/.test(text) ? Date.parse(text.replace(' ', 'T')) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.floor(date / 1000);
}
