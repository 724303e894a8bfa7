import { describe, expect, test } from 'vitest';
import { bigint } from '../../../src/osquery/column.ts';
import { EventLoopShare } from '../../../src/osquery/event_loop_share.ts';
import type { QueryContext } from '../../../src/osquery/query_context.ts';
import { callTable } from '../../../src/osquery/table_call.ts';
import type { TablePlugin } from '../../../src/osquery/table_plugin.ts';

/** A share that is always spent. */
class SpentShare extends EventLoopShare {
  turns = 0;

  override spent(): boolean {
    return true;
  }

  override turn(): Promise<void> {
    this.turns += 1;
    return super.turn();
  }
}

const seen: QueryContext[] = [];
const table: TablePlugin<number> = {
  name: 'numbers',
  description: 'numbers',
  columns: [bigint('n', 'a number', (row) => row)],
  rowid: (row) => row,
  generate: (context) => {
    seen.push(context);
    return [1];
  },
};
const tables = new Map([[table.name, table as TablePlugin<unknown>]]);
const call = (context: string, share: EventLoopShare) =>
  callTable(
    tables,
    'table',
    'numbers',
    new Map([
      ['action', 'generate'],
      ['context', context],
    ]),
    share,
  );
const contextOf = (count: number) =>
  JSON.stringify({
    constraints: [{ name: 'n', list: Array.from({ length: count }, (_, i) => ({ op: 2, expr: String(i) })) }],
  });

describe('a context', () => {
  test('that is short is parsed at once', () => {
    const share = new SpentShare();
    expect(call(contextOf(3), share)).toMatchObject({ kind: 'rows' });
    expect(share.turns).toBe(0);
  });

  test('of megabytes is parsed in pieces, with the same result', async () => {
    const share = new SpentShare();
    const outcome = await call(contextOf(100_000), share);
    expect(outcome).toMatchObject({ kind: 'rows' });
    expect(share.turns).toBeGreaterThan(80);
    expect(seen.at(-1)?.constraints.get('n')?.slice(-1)).toEqual([{ op: 'eq', expr: '99999' }]);
    expect(seen.at(-1)?.constraints.get('n')).toHaveLength(100_000);
  });

  test('of megabytes that is no JSON is an error of the query', async () => {
    const share = new SpentShare();
    const message = /^numbers: context is not JSON: /;
    expect(await call(`${contextOf(100_000)}}`, share)).toMatchObject({ message: expect.stringMatching(message) });
    expect(await call('['.repeat(1_000_000), share)).toMatchObject({
      message: expect.stringContaining('deeper than 8'),
    });
  });
});
