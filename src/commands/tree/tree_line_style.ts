/** Characters of tree lines: Unicode or ASCII, by locale. */

export interface TreeLineStyle {
  readonly branch: string;
  readonly last: string;
  readonly through: string;
  readonly empty: string;
  readonly became: string;
  readonly cut: string;
  readonly mark: string;
  readonly rule: string;
  readonly dot: string;
  readonly to: string;
}

const UTF8: TreeLineStyle = {
  branch: '├─ ',
  last: '└─ ',
  through: '│  ',
  empty: '   ',
  became: ' → ',
  cut: '…',
  mark: '▶ ',
  rule: '──',
  dot: '·',
  to: '–',
};
const ASCII: TreeLineStyle = {
  branch: '|- ',
  last: '`- ',
  through: '|  ',
  empty: '   ',
  became: ' -> ',
  cut: '...',
  mark: '> ',
  rule: '--',
  dot: '-',
  to: '-',
};

/** The first of these variables that is set decides (man 7 locale). */
export function treeLineStyleOf(env: Readonly<Record<string, string | undefined>>): TreeLineStyle {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  return /utf-?8/i.test(locale) ? UTF8 : ASCII;
}

/** With the ASCII style, escapes characters outside ASCII. */
export function inLineStyle(text: string, lineStyle: TreeLineStyle): string {
  if (lineStyle === UTF8) return text;
  return text.replaceAll('…', '...').replace(/[^\0-\x7f]/gu, (one) => `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`);
}
