import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ExecDetails, NO_DETAILS } from '../../../src/collect/event.ts';
import { isoDate } from '../../../src/ecs/iso_date.ts';
import { previousFragment } from '../../../src/ecs/previous.ts';
import { isFragmentOf, type Place, processFragment } from '../../../src/ecs/process_fragment.ts';
import { signalName } from '../../../src/ecs/signal_name.ts';
import { details, ecsProcess, ref } from './events.ts';
import { complaintsOf } from './fields_check.ts';

const PLACES: readonly Place[] = ['parent', 'group_leader', 'session_leader', 'entry_leader'];
const anemic = (pid: number) => ({
  entity_id: ref(pid).entityId,
  pid,
  start: new Date(ref(pid).startUnixMs).toISOString(),
});

describe('a process', () => {
  test.each(PLACES)('as %s has only fields that ECS has there', (place) => {
    const fragment = JSON.parse(processFragment(ecsProcess(10, '/bin/sh', 'sh', '-c', 'true'), place));
    const document = { '@timestamp': '2026-11-21T06:02:03.004Z', ecs: { version: '9.5.0' }, event: { kind: 'event' } };
    expect(complaintsOf({ ...document, process: { [place]: fragment } })).toEqual([]);
    expect(fragment).toMatchObject({
      ...anemic(10),
      executable: '/bin/sh',
      name: 'sh',
      args: ['sh', '-c', 'true'],
      args_count: 3,
      command_line: 'sh -c true',
      working_directory: '/home/kg',
      interactive: true,
      tty: { char_device: { major: 136, minor: 1 } },
      user: { id: '0', name: 'root' },
    });
  });

  test('has in each place the relatives that ECS has there, with no more than who they are', () => {
    const relatives = PLACES.map((place) => {
      const { parent, group_leader, session_leader } = JSON.parse(processFragment(ecsProcess(10, '/bin/sh'), place));
      return { parent, group_leader, session_leader };
    });
    const parent = { ...anemic(9), session_leader: anemic(2) };
    expect(relatives).toEqual([{ group_leader: anemic(9) }, {}, { parent }, { parent }]);
  });

  test('with only an identity has nothing else', () => {
    const nobody = {
      ...{ path: '', cwd: '', args: '', argsCount: undefined },
      name: '',
      interactive: undefined,
      charDevice: undefined,
      credentials: '',
    };
    for (const place of PLACES) {
      const fragment = processFragment({ ...ref(10), ...nobody, parent: undefined, groupLeader: undefined }, place);
      expect(JSON.parse(fragment)).toEqual(anemic(10));
    }
  });

  test('is distinguished by its entity id, also from one whose id has the same beginning', () => {
    const fragment = processFragment(ecsProcess(10, '/bin/sh'), 'parent');
    expect(isFragmentOf(fragment, ref(10).entityId)).toBe(true);
    expect(isFragmentOf(fragment, ref(10).entityId.slice(0, -1))).toBe(false);
    expect(isFragmentOf(fragment, '')).toBe(false);
    expect(isFragmentOf('', ref(10).entityId)).toBe(false);
  });

  test('with many arguments has their true count, and the first of them', () => {
    const args = Array.from({ length: 1000 }, (_, index) => `argument-${index}`);
    const fragment = JSON.parse(processFragment(ecsProcess(10, '/bin/sh', ...args), 'parent', 100));
    expect(fragment).toMatchObject({ args_count: 1000, args: expect.arrayContaining(args.slice(0, 8)) });
    expect(fragment.command_line).toHaveLength(101);
    expect(fragment.command_line).toMatch(/…$/);
  });

  test('without arguments has none, and with one that is empty has that', () => {
    expect(JSON.parse(processFragment(ecsProcess(10, '/bin/sh'), 'parent'))).toMatchObject({ args_count: 0 });
    expect(JSON.parse(processFragment(ecsProcess(10, '/bin/sh'), 'parent'))).not.toHaveProperty('args');
    expect(JSON.parse(processFragment(ecsProcess(10, '/bin/sh', ''), 'parent'))).toMatchObject({ args: [''] });
  });
});

test('earlier images are in their order, and unknown ones are left out', () => {
  const images = [details('/bin/a', 'a', 'b'), NO_DETAILS, details('/bin/c', 'c')];
  expect(JSON.parse(previousFragment(images))).toEqual([
    { executable: '/bin/a', args: ['a', 'b'], args_count: 2 },
    { executable: '/bin/c', args: ['c'], args_count: 1 },
  ]);
  expect(previousFragment([])).toBe('');
  expect(previousFragment([NO_DETAILS])).toBe('');
});

test('earlier images share the bound of a document’s arguments, and show where they are cut', () => {
  const long = details('/bin/a', 'x'.repeat(4097));
  const lengths = (images: ExecDetails[]) =>
    (JSON.parse(previousFragment(images)) as { args: string[] }[]).map(({ args: [first] }) => first?.length);
  expect(lengths([long])).toEqual([4097]);
  expect(lengths([long, details('/bin/b', 'b'), long])).toEqual([1366, 1, 1366]);
  expect(previousFragment([long])).toContain('x…"');
});

test('dates have all digits of their fraction', () => {
  const second = Date.UTC(2026, 10, 21, 6, 2, 3);
  expect(isoDate(second)).toBe('2026-11-21T06:02:03.000Z');
  expect(isoDate(second + 4)).toBe('2026-11-21T06:02:03.004Z');
  expect(isoDate(second + 4.0625)).toBe('2026-11-21T06:02:03.004062Z');
  expect(isoDate(second + 999.9995)).toBe('2026-11-21T06:02:03.999999Z');
  for (const none of [undefined, Number.NaN, Number.POSITIVE_INFINITY, -1, 1e15]) expect(isoDate(none)).toBeUndefined();
});

test('dates are those of the calendar', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (unixMs) => {
      expect(isoDate(unixMs)).toBe(new Date(unixMs).toISOString());
    }),
  );
});

test('signals go by their names', () => {
  expect([1, 6, 9, 15, 34, 35, 64].map(signalName)).toEqual([
    'SIGHUP',
    'SIGABRT',
    'SIGKILL',
    'SIGTERM',
    'SIGRTMIN',
    'SIGRTMIN+1',
    'SIGRTMIN+30',
  ]);
  for (const none of [0, 32, 65, -1]) expect(signalName(none)).toBeUndefined();
});
