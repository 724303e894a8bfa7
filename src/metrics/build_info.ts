/** The metric build_info. */
import { isSea } from 'node:sea';
import { type Family, gauge } from './family.ts';

export function buildInfo(version: string): Family {
  const labels = { version, node: process.version, arch: process.arch, packaged: String(isSea()) };
  return gauge('build_info', 'Version of the extension and of its Node.js', [{ value: 1, labels }]);
}
