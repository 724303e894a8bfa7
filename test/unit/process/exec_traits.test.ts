/** The number of a stored row tells what the exec was like. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NO_DETAILS } from '../../../src/collect/event.ts';
import { isEnvironmentCut, traitBits, traitsText } from '../../../src/process/exec_traits.ts';

const SAME_IDS = { uid: 1000, euid: 1000, gid: 1000, egid: 1000 };
const NAMESPACES = ['mnt', 'pid', 'net', 'user', 'ipc', 'uts', 'cgroup', 'time'];
const traits = (details: object, mode?: number, ids: Partial<typeof SAME_IDS> = {}) =>
  JSON.parse(traitsText(traitBits({ ...NO_DETAILS, ...details }), mode, { ...SAME_IDS, ...ids }));

test('an exec of which nothing is known, or nothing is special, has no traits', () => {
  expect(traits({})).toEqual({});
  expect(traits({ newNamespaces: 0 }, 0o100755)).toEqual({});
});

test('every combination of facts is read back, and nothing else', () => {
  const kind = fc.constantFrom('', 'closed', 'tty', 'pipe', 'socket', 'file', 'null', 'other');
  const flag = fc.boolean();
  const facts = fc.record({
    ...{ isScript: flag, isMemfd: flag, isDeleted: flag, isUpperLayer: flag, hasFileCapabilities: flag },
    ...{ gainsPrivilege: flag, environmentCut: flag, stdinKind: kind, stdoutKind: kind, stderrKind: kind },
    newNamespaces: fc.option(fc.integer({ min: 0, max: 255 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(facts, (details) => {
      const bits = traitBits({ ...NO_DETAILS, ...details } as typeof NO_DETAILS);
      expect(isEnvironmentCut(bits)).toBe(details.environmentCut);
      const namespaces = NAMESPACES.filter((_, at) => ((details.newNamespaces ?? 0) & (1 << at)) !== 0);
      const { isScript, isMemfd, isDeleted, isUpperLayer, hasFileCapabilities, gainsPrivilege } = details;
      const expected = {
        ...{ script: isScript, memfd: isMemfd, deleted: isDeleted, upper_layer: isUpperLayer },
        ...{ file_capabilities: hasFileCapabilities, gained_privileges: gainsPrivilege },
        ...{ stdin: details.stdinKind, stdout: details.stdoutKind, stderr: details.stderrKind },
        new_namespaces: namespaces.length > 0 && namespaces,
      };
      expect(traits(details)).toEqual(Object.fromEntries(Object.entries(expected).filter(([, value]) => value)));
    }),
  );
});

test('the meaning of stored bits does not change', () => {
  const stored = (64 + 32 + 1) | (2 << 7) | (3 << 10) | (6 << 13) | (3 << 16);
  expect(JSON.parse(traitsText(stored, undefined, SAME_IDS))).toEqual({
    ...{ script: true, gained_privileges: true, stdin: 'tty', stdout: 'pipe', stderr: 'null' },
    new_namespaces: ['mnt', 'pid'],
  });
  expect(isEnvironmentCut(stored)).toBe(true);
});

describe('the mode of the program file', () => {
  test.each([
    ['set-user-id', 0o104755, { setuid: true }],
    ['set-group-id of a program that the group may execute', 0o102755, { setgid: true }],
    ['set-group-id of another, which has no effect', 0o102745, {}],
    ['writable by its group', 0o100775, {}],
    ['writable by every user', 0o100757, { writable_by_others: true }],
  ])('%s', (_, mode, expected) => {
    expect(traits({}, mode)).toEqual(expected);
  });
});

test('a memfd is not writable by others: they cannot reach it', () => {
  expect(traits({ isMemfd: true }, 0o100777)).toEqual({ memfd: true });
});

test('other effective than real ids are gained privileges, also where the sensor does not say so', () => {
  expect(traits({}, undefined, { euid: 0 })).toEqual({ gained_privileges: true });
  expect(traits({}, undefined, { egid: 42 })).toEqual({ gained_privileges: true });
});
