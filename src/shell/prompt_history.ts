/** What was typed at the prompt, kept in a file that only its owner can read. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';

export const historyLines = 1000;

/** The lines of the file, latest first, as readline wants them; none if it cannot be read. */
export function readHistory(path: string): string[] {
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    return lines
      .filter((line) => line !== '')
      .slice(-historyLines)
      .reverse();
  } catch {
    return [];
  }
}

/** Writes the lines, given latest first; says whether it could: a home that cannot be written to costs the history. */
export function writeHistory(path: string, latestFirst: readonly string[]): boolean {
  const lines = latestFirst.slice(0, historyLines).toReversed();
  try {
    writeFileSync(path, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
    chmodSync(path, 0o600);
    return true;
  } catch {
    return false;
  }
}
