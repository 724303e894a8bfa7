/** What the command `tree` was asked for. */

export interface TreeOptions {
  /** A pid or an entity id; undefined: everybody. */
  readonly process: string | undefined;
  readonly htmlFile: string | undefined;
  readonly json: boolean;
  readonly depth: number;
  /** As it was given: 15m, 2026-11-20 10:00. */
  readonly since: string | undefined;
  readonly kernelThreads: boolean;
}
