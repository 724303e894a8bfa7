/** Formats query results as osqueryi does. */

import { escapeTerminal, escapeTerminalJson, width } from '../../text/terminal_escape.ts';
import type { QueryResult } from './sql_engine.ts';

export { escapeTerminal, width };

/** `auto`: `pretty`, or `line` when the columns are wider than the terminal. */
export const outputModes = ['auto', 'pretty', 'line', 'json', 'csv'] as const;
export type OutputMode = (typeof outputModes)[number];

export function isOutputMode(text: string): text is OutputMode {
  return outputModes.some((mode) => mode === text);
}

interface Terminal {
  /** Width of the terminal, if known. */
  readonly columns: number | undefined;
}

/**
 * Formats a result. The text ends with a newline unless it is empty.
 * For a terminal, control characters are escaped also in CSV, which otherwise keeps all bytes.
 */
export function formatResult(result: QueryResult, mode: OutputMode, terminal: Terminal | undefined): string {
  switch (mode) {
    case 'auto': {
      const table = prettyTable(result);
      // All rows have the width of the border.
      const isTooWide = terminal?.columns !== undefined && table.indexOf('\n') > terminal.columns;
      return isTooWide ? lines(result) : table;
    }
    case 'pretty':
      return prettyTable(result);
    case 'line':
      return lines(result);
    case 'json':
      return json(result);
    case 'csv':
      return csv(result, terminal !== undefined);
  }
}

function prettyTable({ columns, rows }: QueryResult): string {
  if (rows.length === 0) return '';
  const table = [columns.map(({ name }) => name), ...rows].map((row) =>
    row.map((value) => escapeTerminal(value ?? '')),
  );
  const widths = columns.map((_, index) => table.reduce((most, row) => Math.max(most, width(row[index])), 0));
  const border = `+${widths.map((columns) => '-'.repeat(columns + 2)).join('+')}+\n`;
  const [head = '', ...body] = table.map(
    (row) => `|${row.map((value, index) => ` ${pad(value, widths[index] ?? 0)} `).join('|')}|\n`,
  );
  return [border, head, border, ...body, border].join('');
}

function lines({ columns, rows }: QueryResult): string {
  const names = columns.map(({ name }) => escapeTerminal(name));
  const longest = names.reduce((most, name) => Math.max(most, width(name)), 0);
  const blocks = rows.map((row) =>
    row
      .map((value, index) => {
        const name = names[index] ?? '';
        return `${' '.repeat(longest - width(name))}${name} = ${escapeTerminal(value ?? '')}\n`;
      })
      .join(''),
  );
  return blocks.join('\n');
}

/** As in osqueryi: all values are strings, NULL is '', and the last of several columns with one name wins. */
function json({ columns, rows }: QueryResult): string {
  const objects = rows.map((row) => {
    const members = new Map(row.map((value, index) => [columns[index]?.name ?? '', value ?? '']));
    return `  {${[...members].map(([name, value]) => `${jsonText(name)}:${jsonText(value)}`).join(',')}}`;
  });
  return objects.length === 0 ? '[\n\n]\n' : `[\n${objects.join(',\n')}\n]\n`;
}

/** JSON escapes C0 controls. Other unsafe characters are escaped here; the text parses to the same value. */
function jsonText(text: string): string {
  return escapeTerminalJson(JSON.stringify(text));
}

function csv({ columns, rows }: QueryResult, forTerminal: boolean): string {
  const field = (value: string): string => {
    const text = forTerminal ? escapeTerminal(value) : value;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const table = [columns.map(({ name }) => name), ...rows];
  return table.map((row) => `${row.map((value) => field(value ?? '')).join(',')}\n`).join('');
}

function pad(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - width(text)));
}
