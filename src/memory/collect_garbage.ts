/** Runs V8's garbage collector when V8 does not: for memory outside its heap, and in an idle process. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collection = { type: 'major' | 'minor' };

let collect: ((options: Collection) => void) | undefined;

export function collectGarbage(options: Collection): void {
  collect ??= collector();
  collect(options);
}

/** --expose-gc adds `gc` to each new context; only this temporary context gets it. */
function collector(): (options: Collection) => void {
  setFlagsFromString('--expose-gc');
  const found: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  return typeof found === 'function' ? (found as (options: Collection) => void) : () => undefined;
}
