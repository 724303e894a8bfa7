/** Which program it is that tells the rest. */
import { isSea } from 'node:sea';
import { type Family, gauge } from './family.ts';

export function buildInfo(version: string): Family {
  const labels = { version, node: process.version, arch: process.arch, packaged: String(isSea()) };
  return gauge('build_info', 'The version of the extension, and of the Node in it', [{ value: 1, labels }]);
}
