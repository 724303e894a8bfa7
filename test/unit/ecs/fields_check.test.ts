import { describe, expect, test } from 'vitest';
import { complaintsOf, complaintsOfText } from './fields_check.ts';

const GOOD = { '@timestamp': '2026-11-21T06:02:03.004Z', ecs: { version: '9.5.0' }, event: { category: ['process'] } };

describe('the check of a document', () => {
  test('accepts a good one', () => {
    expect(complaintsOf({ ...GOOD, process: { args: ['a', ''], Ext: { signal: 'SIGKILL' }, pid: 1 } })).toEqual([]);
  });

  test.each([
    [{ process: { pgid: 1 } }, 'process.pgid is no field of ECS'],
    [{ process: { parent: { parent: { pid: 1 } } } }, 'process.parent.parent is no object of ECS'],
    [{ process: { parent: { same_as_process: true } } }, 'process.parent.same_as_process is no field of ECS'],
    [{ process: { pid: '1' } }, 'process.pid is "1", not long'],
    [{ process: { pid: 1.5 } }, 'process.pid is 1.5, not long'],
    [{ process: { user: { id: 0 } } }, 'process.user.id is 0, not keyword'],
    [{ process: { interactive: 1 } }, 'process.interactive is 1, not boolean'],
    [{ process: { start: '2026-11-21T06:02:03.04Z' } }, 'process.start is "2026-11-21T06:02:03.04Z", not date'],
    [
      { process: { start: '2026-11-21T06:02:03.004+00:00' } },
      'process.start is "2026-11-21T06:02:03.004+00:00", not date',
    ],
    [{ process: { name: '\ud800' } }, 'process.name is "\\ud800", not keyword'],
    [{ process: { name: '' } }, 'process.name is empty'],
    [{ process: { name: null } }, 'process.name is null'],
    [{ process: { name: ['a'] } }, 'process.name is an array'],
    [{ process: { name: { text: 'a' } } }, 'process.name is an object, not keyword'],
    [{ process: { args: 'a' } }, 'process.args is no array'],
    [{ process: { args: [] } }, 'process.args is empty'],
    [{ process: { args: [1] } }, 'process.args is 1, not keyword'],
    [{ process: {} }, 'process is empty'],
    [{ process: { previous: { executable: '/a' } } }, 'process.previous is no array of objects'],
    [{ process: { previous: [{ pid: 1 }] } }, 'process.previous.pid is no field of ECS'],
    [{ process: { supplemental_groups: [1] } }, 'process.supplemental_groups holds 1, which is no object'],
    [
      { process: { entry_leader: { entry_meta: { source: { ip: 'a' } } } } },
      'process.entry_leader.entry_meta.source.ip is "a", not ip',
    ],
  ])('of %j says: %s', (part, complaint) => {
    expect(complaintsOf({ ...GOOD, ...part })).toContain(complaint);
  });

  test('reports a missing field that every document has', () => {
    expect(complaintsOf({ ecs: { version: '9.5.0' } })).toEqual(['@timestamp is missing', 'event is missing']);
    expect(complaintsOf([])).toEqual(['the document is no object']);
  });

  test('reports what parsing hides', () => {
    const json = JSON.stringify(GOOD);
    expect(complaintsOfText(json)).toEqual([]);
    expect(complaintsOfText(`{"ecs":{"version":"1"},${json.slice(1)}`)).toEqual([
      'what was read is not what was written',
    ]);
    expect(complaintsOfText('{')[0]).toMatch(/^it is no JSON/);
  });
});
