/** docs/reference matches the declarations, and the links of README.md exist. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { FOLDER, PARTS, partsOf, referenceFiles, withReference } from '../../packaging/reference.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const documents = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md'].concat(
  referenceFiles().map((file) => `docs/reference/${file}`),
);

test.each(referenceFiles())('docs/reference/%s is what the declarations make (npm run generate writes it)', (file) => {
  const text = readFileSync(FOLDER + file, 'utf8');
  expect(text).toBe(withReference(text));
});

test('every generated part is in one file', () => {
  const parts = referenceFiles().flatMap((file) => partsOf(readFileSync(FOLDER + file, 'utf8')));
  expect(parts.toSorted()).toEqual(Object.keys(PARTS).toSorted());
});

test.each(documents)('%s has links to existing files and headings only', (path) => {
  const targets = [...read(path).matchAll(/\]\((?!https?:|mailto:)([^)]+)\)/g)].map(([, target = '']) => target);
  const missing = targets.filter((target) => {
    const [file = '', anchor] = target.split('#');
    const found = file === '' ? join(root, path) : join(root, dirname(path), file);
    if (!existsSync(found)) return true;
    return anchor !== undefined && !anchorsOf(readFileSync(found, 'utf8')).includes(anchor);
  });
  expect(missing).toEqual([]);
});

/** Anchors as GitHub makes them from headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}
