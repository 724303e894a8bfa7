import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parts, withPart } from '../../../packaging/ansible/flags.ts';

test.each(parts)(
  'the $name in the Ansible role are those of the declared flags (npm run generate writes them)',
  (part) => {
    const text = readFileSync(part.file, 'utf8');
    expect(text).toBe(withPart(text, part));
  },
);

test('the documentation of the Ansible role has the default of each variable', () => {
  const role = new URL('../../../packaging/ansible/roles/osquery_process_ancestry/', import.meta.url);
  const specs = readFileSync(new URL('meta/argument_specs.yml', role), 'utf8');
  const documented = [...specs.matchAll(/^ {6}(osquery_\w+):\n(?: {8}.*\n)*? {8}default: (.*)\n/gm)].map(
    ([, name, value]) => `${name}: ${value}`,
  );
  const defaults = readFileSync(new URL('defaults/main.yml', role), 'utf8')
    .split('\n')
    .filter((line) => /^osquery/.test(line));
  expect(documented.toSorted()).toEqual(defaults.toSorted());
});
