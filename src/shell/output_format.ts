/** Query results as text, in the formats of osqueryi. */
import type { QueryResult } from './sql_engine.ts';

export const outputModes = ['pretty', 'line', 'json', 'csv'] as const;
export type OutputMode = (typeof outputModes)[number];

export function isOutputMode(text: string): text is OutputMode {
  return outputModes.some((mode) => mode === text);
}

/**
 * The text of a result, ending in a newline unless it is empty.
 * `forTerminal` escapes what would drive a terminal also in CSV, which otherwise keeps every byte.
 */
export function formatResult(result: QueryResult, mode: OutputMode, forTerminal: boolean): string {
  switch (mode) {
    case 'pretty':
      return prettyTable(result);
    case 'line':
      return lines(result);
    case 'json':
      return json(result);
    case 'csv':
      return csv(result, forTerminal);
  }
}

function prettyTable({ columns, rows }: QueryResult): string {
  if (rows.length === 0) return '';
  const table = [columns.map(({ name }) => name), ...rows].map((row) => row.map((value) => visible(value ?? '')));
  const widths = columns.map((_, index) => table.reduce((most, row) => Math.max(most, width(row[index])), 0));
  const border = `+${widths.map((columns) => '-'.repeat(columns + 2)).join('+')}+\n`;
  const [head = '', ...body] = table.map(
    (row) => `|${row.map((value, index) => ` ${pad(value, widths[index] ?? 0)} `).join('|')}|\n`,
  );
  return [border, head, border, ...body, border].join('');
}

function lines({ columns, rows }: QueryResult): string {
  const names = columns.map(({ name }) => visible(name));
  const longest = names.reduce((most, name) => Math.max(most, width(name)), 0);
  const blocks = rows.map((row) =>
    row
      .map((value, index) => {
        const name = names[index] ?? '';
        return `${' '.repeat(longest - width(name))}${name} = ${visible(value ?? '')}\n`;
      })
      .join(''),
  );
  return blocks.join('\n');
}

/** As in osqueryi, every value is a string, NULL the empty one, and of two columns of a name the last one counts. */
function json({ columns, rows }: QueryResult): string {
  const objects = rows.map((row) => {
    const members = new Map(row.map((value, index) => [columns[index]?.name ?? '', value ?? '']));
    return `  {${[...members].map(([name, value]) => `${jsonText(name)}:${jsonText(value)}`).join(',')}}`;
  });
  return objects.length === 0 ? '[\n\n]\n' : `[\n${objects.join(',\n')}\n]\n`;
}

/** JSON escapes C0 controls by itself; the others are escaped here, which reads back as the same text. */
function jsonText(text: string): string {
  return JSON.stringify(text).replace(unsafe, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function csv({ columns, rows }: QueryResult, forTerminal: boolean): string {
  const field = (value: string): string => {
    const text = forTerminal ? visible(value) : value;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const table = [columns.map(({ name }) => name), ...rows];
  return table.map((row) => `${row.map((value) => field(value ?? '')).join(',')}\n`).join('');
}

/** C0 and C1 controls, DEL, line separators, and what reorders or hides text: no argument may drive the terminal. */
const unsafe = /[\0-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;
const escapes = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

export function visible(text: string): string {
  return text.replace(unsafe, (one) => {
    // A joiner inside of an emoji is part of it.
    if (one === '\u200d') return one;
    const code = one.charCodeAt(0);
    return escapes.get(one) ?? (code < 0x100 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`);
  });
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
/** East Asian wide and fullwidth blocks (Unicode's EastAsianWidth.txt, by block), and what is shown as an emoji. */
const wide =
  /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\p{Emoji}\ufe0f)/u;
const zero = /^[\p{Mn}\p{Me}\u200d]+$/u;

/** How many columns of a terminal the text takes. */
export function width(text = ''): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let columns = 0;
  for (const { segment } of graphemes.segment(text)) columns += wide.test(segment) ? 2 : zero.test(segment) ? 0 : 1;
  return columns;
}

function pad(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - width(text)));
}
