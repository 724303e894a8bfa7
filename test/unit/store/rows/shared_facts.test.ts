/** Shared facts are stored once per generation, readable as long as a row needs them, and finally dropped. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AncestorRecord } from '../../../../src/process/process.ts';
import type { SharedFacts } from '../../../../src/process/session_context.ts';
import { diskBudget } from '../../../../src/store/disk_budget.ts';
import { type NumberedEvent, RowDatabase } from '../../../../src/store/rows/row_database.ts';
import { prepareSchema } from '../../../../src/store/rows/schema.ts';
import { SharedFactsTable } from '../../../../src/store/rows/shared_facts.ts';
import { SharedReader } from '../../../../src/store/rows/shared_reader.ts';
import type { StoredEvent } from '../../../../src/store/rows/stored_event.ts';
import { ancestryText } from '../../../../tables/lineage.ts';
import { published, recorded } from '../../tables/published.ts';

let directory: string;
const opened: { close(): void }[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pa-shared-'));
});
afterEach(() => {
  for (const one of opened.splice(0)) one.close();
  rmSync(directory, { recursive: true, force: true });
});

function tables(): DatabaseSync {
  const db = new DatabaseSync(':memory:');
  opened.push(db);
  prepareSchema(db);
  return db;
}

/** Number of facts: each is a line. */
const COUNT = "SELECT coalesce(sum(1 + length(lines) - length(replace(lines, char(10), ''))), 0) AS n FROM shared";

/** The pid of a link that is recorded again is greater by this: a row may show the earlier link or this one. */
const RECORDED_ANEW = 1000;

/** A link whose creator can change, as when user names change or a long chain loses its top. */
class ChangingAncestor implements AncestorRecord {
  readonly #link: AncestorRecord;
  readonly pid: number;
  above: ChangingAncestor | undefined;

  constructor(pid: number, above: ChangingAncestor | undefined) {
    this.pid = pid;
    this.above = above;
    this.#link = recorded({ pid, ...(above ? { above } : {}) });
  }

  get entityId(): string {
    return this.#link.entityId;
  }

  readonly json = (argsMax?: number) => this.#link.json(argsMax);
  readonly bytes = 100;
  readonly complete = true;
  readonly cut = false;
  readonly revision = 0;

  get depth(): number {
    return 1 + (this.above?.depth ?? 0);
  }

  get pids(): number[] {
    return [this.pid % RECORDED_ANEW, ...(this.above?.pids ?? [])];
  }
}

interface ModelRow {
  readonly eid: number;
  readonly creator: readonly number[];
  readonly leader: readonly number[];
  readonly credentials: string;
}

type Step =
  | { kind: 'insert'; count: number; creator: number; leader: number; document: number }
  | { kind: 'link'; above: number }
  | { kind: 'change'; link: number }
  | { kind: 'letGo'; part: number; atOnce: boolean }
  | { kind: 'drop' }
  | { kind: 'reopen'; isKill: boolean };

const number = (max: number) => fc.integer({ min: 0, max });
const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('insert' as const),
        ...{ count: fc.integer({ min: 1, max: 60 }), creator: number(30), leader: number(30), document: number(5) },
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('link' as const), above: number(30) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('change' as const), link: number(30) }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('letGo' as const), part: number(10), atOnce: fc.boolean() }),
    },
    { weight: 3, arbitrary: fc.constant({ kind: 'drop' as const }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const), isKill: fc.boolean() }) },
  ),
  { minLength: 5, maxLength: 40 },
);

const WHOLE = { after: 0, upTo: Number.MAX_SAFE_INTEGER };
const rowsOf = (db: RowDatabase): StoredEvent[] => [...db.select({}, WHOLE)].filter((row) => row !== undefined);

function chainOf(event: StoredEvent, name: 'creator' | 'sessionLeader'): number[] {
  const pids: number[] = [];
  for (let link = event.ancestorRecord(name); link; link = link.above) pids.push(link.facts.pid % RECORDED_ANEW);
  return pids;
}

function read(db: RowDatabase): ModelRow[] {
  return rowsOf(db).map((event) => ({
    eid: event.eid,
    creator: chainOf(event, 'creator'),
    leader: chainOf(event, 'sessionLeader'),
    credentials: String((event.credentials as { name?: string } | undefined)?.name),
  }));
}

/** Small generations, so that a test has many. */
const budget = { ...diskBudget(1 << 30), generationBytes: 3000 };

class Harness {
  readonly path: string;
  readonly #documents: readonly SharedFacts[] = Array.from({ length: 6 }, (_, n) => ({
    json: JSON.stringify({ name: `document ${n}` }),
  }));
  #links: ChangingAncestor[] = [new ChangingAncestor(1, undefined)];
  db: RowDatabase;
  rows: ModelRow[] = [];
  eid = 0;

  constructor(path: string) {
    this.path = path;
    this.db = this.#open();
  }

  run(step: Step): void {
    const links = this.#links;
    const linkAt = (at: number) => links[at % links.length] as ChangingAncestor;
    if (step.kind === 'insert') this.#insert(step, linkAt(step.creator), linkAt(step.leader));
    else if (step.kind === 'link') links.push(new ChangingAncestor(links.length + 1, linkAt(step.above)));
    else if (step.kind === 'change') this.#change(linkAt(step.link));
    else if (step.kind === 'letGo') {
      const eid = this.rows[Math.floor((this.rows.length * step.part) / 10)]?.eid ?? 0;
      this.db.letGo(eid);
      this.rows = this.rows.filter((row) => row.eid > eid);
      this.db.deleteGone(step.atOnce);
    } else if (step.kind === 'drop') this.db.dropUnneeded();
    else this.#reopen(step.isKill);
  }

  /** Stored facts. */
  count(): number {
    const db = new DatabaseSync(this.path, { readOnly: true });
    const count = Number(db.prepare(COUNT).get()?.n);
    db.close();
    return count;
  }

  #insert(step: Step & { kind: 'insert' }, creator: ChangingAncestor, sessionLeader: ChangingAncestor): void {
    const credentials = this.#documents[step.document] as SharedFacts;
    const events: NumberedEvent[] = [];
    for (let n = 0; n < step.count; n++) {
      const event = published();
      const context = { ...event.context, creator, sessionLeader, credentials };
      events.push({ eid: ++this.eid, event: { ...event, context } });
      const { name } = JSON.parse(credentials.json) as { name: string };
      this.rows.push({ eid: this.eid, creator: creator.pids, leader: sessionLeader.pids, credentials: name });
    }
    while (events.length > 0) events.splice(0, this.db.insert(events));
  }

  /** A link's creator is recorded anew. */
  #change(link: ChangingAncestor): void {
    const { above } = link;
    if (above) link.above = new ChangingAncestor(above.pid + RECORDED_ANEW, above.above);
  }

  /** After a kill, dropped rows that were not deleted may be back. */
  #reopen(isKill: boolean): void {
    const { discardedEid } = this.db;
    if (!isKill) this.db.close();
    // As the next process opens it: this one is closed at the end.
    else opened.push(this.db);
    this.db = this.#open();
    this.db.letGo(discardedEid);
  }

  #open(): RowDatabase {
    const db = new RowDatabase(this.path);
    db.budget = budget;
    return db;
  }
}

describe('rows share facts', () => {
  test('and each reads all of its own as long as it is there, through all changes', () => {
    let n = 0;
    fc.assert(
      fc.property(steps, (all) => {
        const harness = new Harness(join(directory, `${n++}.db`));
        try {
          for (const step of all) {
            harness.run(step);
            expect(read(harness.db)).toEqual(harness.rows);
          }
        } finally {
          harness.db.close();
          for (const one of opened.splice(0)) one.close();
        }
      }),
      { numRuns: 60 },
    );
  });

  test('and unused facts are finally dropped', () => {
    let n = 0;
    fc.assert(
      fc.property(steps, (all) => {
        const harness = new Harness(join(directory, `${n++}.db`));
        try {
          for (const step of all) harness.run(step);
          // Facts of one generation more are kept: three of one link each end the others.
          for (let generation = 0; generation < 3; generation++) {
            harness.run({ kind: 'reopen', isKill: false });
            harness.run({ kind: 'insert', count: 1, creator: 0, leader: 0, document: 0 });
          }
          harness.db.letGo(harness.eid - 1);
          harness.db.deleteGone(true);
          while (harness.db.dropUnneeded());
          // At most as much as is needed, and the block that is written to.
          expect(harness.count()).toBeLessThanOrEqual(2 * 4 + 32);
        } finally {
          harness.db.close();
          for (const one of opened.splice(0)) one.close();
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('what rows share', () => {
  test('is there as long as a row needs it, and is dropped then', () => {
    const path = join(directory, 'long.db');
    const db = new RowDatabase(path);
    opened.push(db);
    const sessionLeader = recorded({ pid: 7, above: recorded({ pid: 107 }) });
    const event = published();
    const leaders = () => new Set(rowsOf(db).map((row) => row.ancestorRecord('sessionLeader')?.facts.pid));
    for (let from = 1; from < 20_000; from += 1000) {
      const credentials = { json: JSON.stringify({ from }) };
      const context = { ...event.context, sessionLeader, credentials };
      db.insert(Array.from({ length: 1000 }, (_, n) => ({ eid: from + n, event: { ...event, context } })));
      if (from > 2000) {
        db.letGo(from - 1500);
        db.deleteGone(false);
      }
      expect(leaders()).toEqual(new Set([7]));
    }
    db.letGo(19_999);
    db.deleteGone(true);
    while (db.dropUnneeded());
    expect(leaders()).toEqual(new Set([7]));
    const file = new DatabaseSync(path, { readOnly: true });
    const facts = file.prepare('SELECT lines FROM shared').all();
    const lines = facts.flatMap((row) => String(row.lines).split('\n'));
    expect(lines.filter((line) => line.includes('"entityId"'))).toHaveLength(2);
    // Those of the last generations, at most as many of others, and the block that is written to.
    expect(lines.length).toBeLessThan(2 * 10 + 32);
    file.close();
  });

  test('and is gone before a query reads it is an error, not a row without ancestors', () => {
    const db = new RowDatabase(':memory:');
    opened.push(db);
    const insert = (eid: number) => {
      const event = published();
      const creator = recorded({ pid: 3, above: recorded({ pid: 2 }) });
      db.insert([{ eid, event: { ...event, context: { ...event.context, creator } } }]);
    };
    // More than a block takes: one that is written to stays.
    for (let eid = 1; eid <= 20; eid++) insert(eid);
    const [first] = rowsOf(db);
    // Two generations later, the facts of the first row are gone.
    for (let eid = 5000; eid < 15_000; eid += 5000) insert(eid);
    db.letGo(14_999);
    db.deleteGone(true);
    while (db.dropUnneeded());
    expect(() => first && chainOf(first, 'creator')).toThrow('retry the query');
  });

  test('is a chain, of which each row shows its own depth', () => {
    const db = new RowDatabase(':memory:');
    opened.push(db);
    let top = recorded({ pid: 1000 });
    for (let pid = 1001; pid < 1500; pid++) top = recorded({ pid, above: top });
    const below = recorded({ pid: 1500, above: top });
    const under = (eid: number, creator: AncestorRecord, depth: number): NumberedEvent => {
      const event = published();
      const ancestry = { ...event.ancestry, depth };
      return { eid, event: { ...event, ancestry, context: { ...event.context, creator } } };
    };
    db.insert([under(1, top, 32)]);
    db.insert([under(2, below, 3), under(3, below, 40)]);
    const ancestors = rowsOf(db).map((row) =>
      (JSON.parse(ancestryText(row.ancestorRecord('creator'), Number(row.number('depth')))) as { pid: number }[]).map(
        ({ pid }) => pid,
      ),
    );
    const from = (pid: number, length: number) => Array.from({ length }, (_, n) => pid - n);
    expect(ancestors).toEqual([from(1499, 32), from(1500, 3), from(1500, 40)]);
  });
});

test('a row reads its links also if a creator changed after generations that did not use it', () => {
  const db = new RowDatabase(':memory:');
  opened.push(db);
  const insert = (eid: number, creator?: AncestorRecord) => {
    const event = published();
    db.insert([{ eid, event: { ...event, context: { ...event.context, creator } } }]);
  };
  const link = new ChangingAncestor(2, new ChangingAncestor(1, undefined));
  insert(1, link);
  insert(5000, recorded({ pid: 9 }));
  link.above = new ChangingAncestor(1, undefined);
  insert(10_000, link);
  db.letGo(9999);
  db.deleteGone(true);
  while (db.dropUnneeded());
  expect(rowsOf(db).map((row) => chainOf(row, 'creator'))).toEqual([[2, 1]]);
});

describe('the writer', () => {
  /** For each fact, its id and that of the fact above it. */
  const all = (writer: SharedFactsTable, db: DatabaseSync) => {
    writer.writeChanged();
    const lines = db.prepare('SELECT lines FROM shared ORDER BY first_id').all();
    return lines.flatMap((row) =>
      String(row.lines)
        .split('\n')
        .map((line) => line.split('\t').slice(0, 2).join()),
    );
  };

  test('stores a fact once for all generations', () => {
    const db = tables();
    const writer = new SharedFactsTable(db);
    const top = recorded({ pid: 1 });
    const [one, other] = [recorded({ pid: 2, above: top }), recorded({ pid: 3, above: top })];
    expect(writer.beginRow(1, 1 << 20)).toBe(1);
    expect([writer.idOfAncestor(one, 100), writer.idOfAncestor(other, 100), writer.idOfAncestor(one, 100)]).toEqual([
      2, 3, 2,
    ]);
    expect(writer.beginRow(4096, 1 << 20)).toBe(1);
    expect(writer.beginRow(4097, 1 << 20)).toBe(4097);
    expect(writer.idOfAncestor(other, 100)).toBe(3);
    expect(all(writer, db)).toEqual(['1,', '2,1', '3,1']);
  });

  test('ends a generation after a number of bytes of new facts', () => {
    const writer = new SharedFactsTable(tables());
    expect(writer.beginRow(1, 1000)).toBe(1);
    writer.idOf({ json: JSON.stringify('x'.repeat(998)) });
    expect(writer.takeAddedBytes()).toBe(1003);
    expect(writer.takeAddedBytes()).toBe(0);
    expect(writer.beginRow(2, 1000)).toBe(2);
  });

  test('stores a link again when its creator has changed', () => {
    const db = tables();
    const writer = new SharedFactsTable(db);
    const link = new ChangingAncestor(2, new ChangingAncestor(1, undefined));
    writer.beginRow(1, 1 << 20);
    expect(writer.idOfAncestor(link, 100)).toBe(2);
    link.above = undefined;
    writer.beginRow(5000, 1 << 20);
    expect(writer.idOfAncestor(link, 100)).toBe(3);
    writer.beginRow(10_000, 1 << 20);
    expect(writer.idOfAncestor(link, 100)).toBe(3);
    expect(all(writer, db).at(-1)).toBe('3,');
  });

  test('uses no id again after a transaction that failed, nor after it is loaded', () => {
    const db = tables();
    const writer = new SharedFactsTable(db);
    const link = recorded();
    writer.beginRow(1, 1 << 20);
    const mark = writer.mark();
    expect(writer.idOfAncestor(link, 100)).toBe(1);
    writer.rollBack(mark);
    expect(writer.takeAddedBytes()).toBe(0);
    writer.beginRow(1, 1 << 20);
    expect(writer.idOfAncestor(link, 100)).toBe(2);
    writer.writeChanged();
    const again = new SharedFactsTable(db);
    again.load();
    again.beginRow(2, 1 << 20);
    expect(again.idOfAncestor(link, 100)).toBe(3);
  });

  test('cuts the arguments of a link that are too long for the database', () => {
    const db = tables();
    const writer = new SharedFactsTable(db);
    writer.beginRow(1, 1 << 20);
    const id = writer.idOfAncestor(recorded({ cmdline: 'x'.repeat(1000) }), 10);
    writer.writeChanged();
    expect(new SharedReader((id) => writer.find(id)).ancestorRecord(id)?.facts.args).toBe('x'.repeat(10));
  });

  test('has no id for a missing fact', () => {
    const writer = new SharedFactsTable(tables());
    writer.beginRow(1, 1 << 20);
    expect([writer.idOfAncestor(undefined, 10), writer.idOf(undefined), writer.idOf({ json: '' })]).toEqual([
      null,
      null,
      null,
    ]);
  });
});

describe('the reader', () => {
  test('gives the same object for the same fact while it is cached', () => {
    const db = tables();
    const writer = new SharedFactsTable(db);
    writer.beginRow(1, 1 << 20);
    const top = recorded({ pid: 1 });
    const [one, other] = [recorded({ pid: 2, above: top }), recorded({ pid: 3, above: top })].map((link) =>
      writer.idOfAncestor(link, 100),
    );
    const document = writer.idOf({ json: '{"a":1}' });
    writer.writeChanged();
    const reader = new SharedReader((id) => writer.find(id));
    expect(reader.ancestorRecord(one)?.above).toBe(reader.ancestorRecord(other)?.above);
    expect(reader.document(document)).toBe(reader.document(document));
    expect([reader.ancestorRecord(null), reader.document(undefined)]).toEqual([undefined, undefined]);
  });

  test('fails for a dropped fact, as a query has to', () => {
    const writer = new SharedFactsTable(tables());
    const reader = new SharedReader((id) => writer.find(id));
    expect(() => reader.ancestorRecord(1)).toThrow('retry the query');
    expect(() => reader.document(1)).toThrow('retry the query');
  });

  test('has a bounded cache', () => {
    const db = tables();
    const writer = new SharedFactsTable(db);
    writer.beginRow(1, 1 << 30);
    const ids = Array.from({ length: 300 }, (_, pid) =>
      writer.idOfAncestor(recorded({ pid, cmdline: 'x'.repeat(5000) }), 5000),
    );
    writer.writeChanged();
    const reader = new SharedReader((id) => writer.find(id));
    const first = reader.ancestorRecord(ids[0]);
    for (const id of ids) reader.ancestorRecord(id);
    expect(reader.ancestorRecord(ids.at(-1))).toBe(reader.ancestorRecord(ids.at(-1)));
    expect(reader.ancestorRecord(ids[0])).not.toBe(first);
  });
});
