import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { Log } from '../../../src/osquery/log.ts';

const clean: (() => unknown)[] = [];

/** Undoes what the test has done so far. */
export async function cleanUp(): Promise<void> {
  for (const undo of clean.splice(0).reverse()) await undo();
}
afterEach(cleanUp);

/** Undone when the test is over, last first. */
export function afterwards(undo: () => unknown): void {
  clean.push(undo);
}

/** A directory of the test's own. */
export function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'osquery-'));
  afterwards(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Only a safety net: no test may depend on how soon something happens. */
const PATIENCE_MS = 120_000;

/** Resolves when `condition` holds. */
export async function until(condition: () => boolean | Promise<boolean>, what = 'the condition'): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${what} did not come about within ${PATIENCE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export interface Recorder extends Log {
  readonly lines: { level: string; object: object; message: string }[];
}

/** A log that remembers. */
export function recorder(): Recorder {
  const lines: Recorder['lines'] = [];
  const level = (name: string) => (object: object, message: string) =>
    void lines.push({ level: name, object, message });
  return { lines, debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') };
}

/** A raw connection and all that came over it. */
export class Peer {
  readonly socket: Socket;
  received = Buffer.alloc(0);
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
    });
  }

  static connect(path: string): Promise<Peer> {
    return new Promise((resolve, reject) => {
      const socket = createConnection({ path });
      const peer = new Peer(socket);
      afterwards(() => socket.destroy());
      socket.once('connect', () => resolve(peer));
      socket.once('error', reject);
    });
  }

  async receives(length: number): Promise<Buffer> {
    await until(() => this.received.length >= length, `${length} bytes`);
    return this.received;
  }

  async isClosed(): Promise<void> {
    await until(() => this.closed, 'the end of the connection');
  }
}
