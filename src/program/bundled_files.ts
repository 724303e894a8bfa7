/** Bundled files: in the single executable, or beside the compiled program or its sources. */
import { existsSync, readFileSync } from 'node:fs';
import { getRawAsset, isSea } from 'node:sea';
import { fileURLToPath } from 'node:url';

/** Paths by the name that packaging/executable/make.ts uses: the build's output first, then the source. */
const BESIDE = {
  'process_ancestry.node': ['../../native/process_ancestry.node', '../../native/build/Release/process_ancestry.node'],
  'tree.html': ['../../page/tree.html', '../../dist/page/tree.html'],
  'audit.log': ['../../sample/audit.log', '../../packaging/sample/audit.log'],
} as const;

type BundledFile = keyof typeof BESIDE;

/** Its path; undefined in the single executable. */
export function bundledPath(name: BundledFile): string | undefined {
  if (isSea()) return undefined;
  const places = BESIDE[name].map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const found = places.find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${name} is missing; run "npm run build" (looked at ${places.join(', ')})`);
  return found;
}

/** Its content, which the caller must not change. */
export function readBundledFile(name: BundledFile): Uint8Array {
  const path = bundledPath(name);
  return path === undefined ? new Uint8Array(getRawAsset(name)) : readFileSync(path);
}
