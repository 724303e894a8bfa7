/** V8's garbage collector, for what it does not see: memory outside its heap, and a process that has become quiet. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collection = { type: 'major'; flavor?: 'last-resort' } | { type: 'minor' };

let collect: ((options: Collection) => void) | undefined;

export function collectGarbage(options: Collection): void {
  collect ??= collector();
  collect(options);
}

/** What --expose-gc gives every context from now on; this one does not show it to others. */
function collector(): (options: Collection) => void {
  setFlagsFromString('--expose-gc');
  const found: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  return typeof found === 'function' ? (found as (options: Collection) => void) : () => undefined;
}
