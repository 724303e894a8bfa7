import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { credentialsFragment, effectiveMembers } from '../../../src/ecs/credentials.ts';
import type { CredentialFacts } from '../../../src/process/facts.ts';
import { NAMES } from './events.ts';

const read = (fragment: string): unknown => JSON.parse(`{${fragment}}`);

describe('credentials', () => {
  test('have the effective ids as user and group, as text, with the names that are known', () => {
    const ids = { uid: 1000, euid: 0, suid: 65534, gid: 1000, egid: 27, sgid: 0, groups: [27, 4711] };
    expect(credentialsFragment({ ...ids, ...NAMES })).toBe(
      [
        '"user":{"id":"0","name":"root"},"group":{"id":"27","name":"sudo"}',
        '"real_user":{"id":"1000","name":"kg"},"real_group":{"id":"1000","name":"kg"}',
        '"saved_user":{"id":"65534"},"saved_group":{"id":"0","name":"root"}',
        '"supplemental_groups":[{"id":"27","name":"sudo"},{"id":"4711"}]',
      ].join(),
    );
  });

  test('leave out what is not known', () => {
    expect(credentialsFragment({})).toBe('');
    expect(credentialsFragment(NAMES)).toBe('');
    expect(read(credentialsFragment({ gid: 0, ...NAMES }))).toEqual({ real_group: { id: '0', name: 'root' } });
    expect(read(credentialsFragment({ uid: 5, groups: [] }))).toEqual({ real_user: { id: '5' } });
  });

  const id = fc.option(fc.nat({ max: 3 }), { nil: undefined });
  const anyIds: fc.Arbitrary<CredentialFacts> = fc.record({
    uid: id,
    euid: id,
    suid: id,
    gid: id,
    egid: id,
    sgid: id,
    groups: fc.option(fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 3 }), { nil: undefined }),
  });

  test('give their effective user and group, with any names', () => {
    fc.assert(
      fc.property(anyIds, fc.oneof(fc.string({ unit: 'binary' }), fc.constant(',"real_user":{')), (ids, name) => {
        const names = { 0: name, 1: name, 2: name, 3: name };
        const fragment = credentialsFragment({ ...ids, userNames: names, groupNames: names });
        const { user, group } = read(fragment) as Record<string, unknown>;
        expect(read(effectiveMembers(fragment))).toEqual(JSON.parse(JSON.stringify({ user, group })));
      }),
    );
  });
});
