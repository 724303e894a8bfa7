import type { Finding } from './finding.ts';
import type { Host } from './host.ts';

/** One requirement of the extension. */
export interface Check {
  /** Stable: scripts use it. */
  readonly id: string;
  readonly title: string;
  /** At least one finding, the most severe first. */
  run(host: Host): readonly Finding[] | Promise<readonly Finding[]>;
}
