import type { Finding } from './finding.ts';
import type { Host } from './host.ts';

/** One thing that has to be well for the extension to work. */
export interface Check {
  /** Stable: scripts rely on it. */
  readonly id: string;
  readonly title: string;
  /** At least one finding, the worst first or all alike. */
  run(host: Host): readonly Finding[] | Promise<readonly Finding[]>;
}
