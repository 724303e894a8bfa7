import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type CredentialIds,
  credentialsFragment,
  credentialsKey,
  effectiveMembers,
} from '../../../src/ecs/credentials.ts';
import { NAMES } from './events.ts';

const NOBODY: CredentialIds = {
  uid: undefined,
  euid: undefined,
  suid: undefined,
  gid: undefined,
  egid: undefined,
  sgid: undefined,
};
const read = (fragment: string): unknown => JSON.parse(`{${fragment}}`);

describe('credentials', () => {
  test('have the effective ids as user and group, as text, with the names that are known', () => {
    const ids = { uid: 1000, euid: 0, suid: 65534, gid: 1000, egid: 27, sgid: 0, supplementalGroups: [27, 4711] };
    expect(read(credentialsFragment(ids, NAMES))).toEqual({
      user: { id: '0', name: 'root' },
      real_user: { id: '1000', name: 'kg' },
      saved_user: { id: '65534' },
      group: { id: '27', name: 'sudo' },
      real_group: { id: '1000', name: 'kg' },
      saved_group: { id: '0', name: 'root' },
      supplemental_groups: [{ id: '27', name: 'sudo' }, { id: '4711' }],
    });
  });

  test('leave out what nobody could tell', () => {
    expect(credentialsFragment(NOBODY, NAMES)).toBe('');
    expect(read(credentialsFragment({ ...NOBODY, gid: 0 }, NAMES))).toEqual({ real_group: { id: '0', name: 'root' } });
    expect(read(credentialsFragment({ ...NOBODY, uid: 5, supplementalGroups: [] }, NAMES))).toEqual({
      real_user: { id: '5' },
    });
  });

  const id = fc.option(fc.nat({ max: 3 }), { nil: undefined });
  const anyIds: fc.Arbitrary<CredentialIds> = fc.record({
    uid: id,
    euid: id,
    suid: id,
    gid: id,
    egid: id,
    sgid: id,
    supplementalGroups: fc.option(fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 3 }), { nil: undefined }),
  });

  test('that differ have keys that differ', () => {
    fc.assert(
      fc.property(anyIds, anyIds, (one, other) => {
        const same = credentialsFragment(one, NAMES) === credentialsFragment(other, NAMES);
        expect(credentialsKey(one) === credentialsKey(other)).toBe(same);
      }),
    );
    expect(credentialsKey({ ...NOBODY, uid: 1 })).not.toBe(credentialsKey({ ...NOBODY, euid: 1 }));
  });

  test('give their effective user and group, whatever those are called', () => {
    fc.assert(
      fc.property(anyIds, fc.oneof(fc.string({ unit: 'binary' }), fc.constant(',"real_user":{')), (ids, name) => {
        const fragment = credentialsFragment(ids, { user: () => name, group: () => name });
        const { user, group } = read(fragment) as Record<string, unknown>;
        expect(read(effectiveMembers(fragment))).toEqual(JSON.parse(JSON.stringify({ user, group })));
      }),
    );
  });
});
