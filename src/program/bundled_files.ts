/** Bundled files: inside the single executable, or beside the compiled program or its sources. */
import { existsSync, readFileSync } from 'node:fs';
import { getRawAsset, isSea } from 'node:sea';
import { fileURLToPath } from 'node:url';

/** By the name that packaging/executable/make.ts gives each: where the build leaves it, and where it comes from. */
const BESIDE = {
  'process_ancestry.node': ['../../native/process_ancestry.node', '../../native/build/Release/process_ancestry.node'],
  'tree.html': ['../../page/tree.html', '../../dist/page/tree.html'],
  'audit.log': ['../../sample/audit.log', '../../packaging/sample/audit.log'],
} as const;

type BundledFile = keyof typeof BESIDE;

/** Where it is in the file system; undefined where it is inside the single executable. */
export function bundledPath(name: BundledFile): string | undefined {
  if (isSea()) return undefined;
  const places = BESIDE[name].map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const found = places.find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${name} is missing; run "npm run build" (looked at ${places.join(', ')})`);
  return found;
}

/** What is in it, not to be written to. */
export function readBundledFile(name: BundledFile): Uint8Array {
  const path = bundledPath(name);
  return path === undefined ? new Uint8Array(getRawAsset(name)) : readFileSync(path);
}
