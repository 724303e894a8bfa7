/** History of the prompt, by statement, in a file that only its owner can read. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { isCommand } from './prompt_session.ts';
import { splitStatements } from './sql_text.ts';

export const historyEntries = 1000;

export class StatementHistory {
  /** Entries for the arrow keys, latest first: readline's own array, which `add` changes. */
  readonly entries: string[] = [];
  readonly #path: string | undefined;
  #kept: string[];
  #unfinished = '';

  /** Without a path, no file is read or written. */
  constructor(path: string | undefined) {
    this.#path = path;
    this.#kept = path === undefined ? [] : readHistory(path);
    this.entries.push(...this.#kept);
  }

  /** Adds a typed line. A complete statement becomes one entry. */
  add(line: string): void {
    const text = `${this.#unfinished}${line}\n`;
    const isWhole = (this.#unfinished === '' && isCommand(line)) || splitStatements(text).restIsBlank;
    this.#unfinished = isWhole ? '' : text;
    const entry = text.trim();
    if (isWhole && entry !== '') {
      this.#kept = [entry, ...this.#kept.filter((one) => one !== entry)].slice(0, historyEntries);
      if (this.#path !== undefined) writeHistory(this.#path, this.#kept);
    }
    // readline has added the single line.
    this.entries.splice(0, this.entries.length, ...this.#kept);
  }

  /** Drops the incomplete statement. */
  forget(): void {
    this.#unfinished = '';
  }
}

/** Reads the entries, latest first; empty if the file cannot be read. */
function readHistory(path: string): string[] {
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    return lines
      .filter((line) => line !== '')
      .slice(-historyEntries)
      .map(decode)
      .reverse();
  } catch {
    return [];
  }
}

/** Writes the entries, given latest first. If the home directory is read-only, the history is not saved. */
function writeHistory(path: string, latestFirst: readonly string[]): void {
  try {
    const lines = latestFirst.toReversed().map((entry) => `${encode(entry)}\n`);
    writeFileSync(path, lines.join(''), { mode: 0o600 });
    chmodSync(path, 0o600);
  } catch {
    // See above.
  }
}

/** An entry is one line of the file: plain text, or a JSON string if it has several lines. */
function encode(entry: string): string {
  return entry.includes('\n') || entry.startsWith('"') ? JSON.stringify(entry) : entry;
}

function decode(line: string): string {
  if (!line.startsWith('"')) return line;
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === 'string' ? entry : line;
  } catch {
    return line;
  }
}
