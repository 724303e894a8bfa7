/** Options of the command `tree`. */

export interface TreeOptions {
  /** A pid or an entity id; undefined for all processes. */
  readonly process: string | undefined;
  readonly htmlFile: string | undefined;
  readonly json: boolean;
  readonly depth: number;
  /** Not parsed yet: 15m, 2026-11-20 10:00. */
  readonly since: string | undefined;
  readonly kernelThreads: boolean;
}
