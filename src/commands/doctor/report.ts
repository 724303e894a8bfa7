/** Formats findings as text or JSON. */
import type { Diagnosis } from './doctor.ts';
import type { FindingStatus } from './finding.ts';

/** SGR codes (ECMA-48): green, yellow, red, faint. */
const COLOURS: Readonly<Record<FindingStatus, string>> = { ok: '32', warning: '33', problem: '31', skipped: '2' };
const STATUS_WIDTH = 'warning'.length;

/** One line per finding, with the advice on the line below it. */
export function asText(diagnoses: readonly Diagnosis[], colour: boolean): string {
  const titleWidth = Math.max(0, ...diagnoses.map(({ title }) => title.length));
  const indent = ' '.repeat(STATUS_WIDTH + titleWidth + 4);
  const lines = diagnoses.flatMap(({ status, title, message, advice }) => {
    const padded = status.padEnd(STATUS_WIDTH);
    const shown = colour ? `\u001b[${COLOURS[status]}m${padded}\u001b[0m` : padded;
    const line = `${shown}  ${title.padEnd(titleWidth)}  ${oneLine(message)}`;
    return advice === '' ? [line] : [line, `${indent}to do: ${oneLine(advice)}`];
  });
  return `${[...lines, total(diagnoses)].join('\n')}\n`;
}

/** An array of {id, status, message, advice}. */
export function asJson(diagnoses: readonly Diagnosis[]): string {
  const rows = diagnoses.map(({ id, status, message, advice }) => ({ id, status, message, advice }));
  return `${JSON.stringify(rows, null, 2)}\n`;
}

function total(diagnoses: readonly Diagnosis[]): string {
  const count = (wanted: FindingStatus) => diagnoses.filter(({ status }) => status === wanted).length;
  const parts = [`${plural(count('problem'), 'problem')}, ${plural(count('warning'), 'warning')}`];
  if (count('skipped') > 0) parts.push(`${count('skipped')} skipped`);
  return parts.join(', ');
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Replaces control characters: names of files and processes are untrusted. */
function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?');
}
