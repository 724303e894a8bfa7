/** A forest of some thousand processes, always the same, as on a build server: logins, services, and jobs many levels deep. */
import { type Made, Scene } from './scene.ts';

const AT = 1_793_520_000;

export function largeForest(count: number): Scene {
  const scene = new Scene();
  const init = scene.process(1, ['/sbin/init'], { at: AT - 1000 });
  const random = numbers(count);
  const parents: Made[] = [init];
  for (let n = 1; n < count; n++) {
    const isSession = n % 100 === 1;
    const recent = parents.slice(-12);
    const parent = isSession ? init : (recent[Math.floor(random() * recent.length)] ?? init);
    const uid = [0, 33, 1000, 1001][Math.floor(random() * 4)] ?? 0;
    const at = AT + Math.floor((n * 3600) / count);
    const args = [`/usr/bin/tool-${n % 37}`, '--input', `/srv/build/${n % 211}/part-${n}.o`, `-O${n % 4}`, '--verbose'];
    const made = scene.process(100 + n, args, { parent, at, uid });
    if (n % 9 !== 0) scene.exec(made, args, { parent, at, uid, cwd: `/srv/build/${n % 211}` });
    if (n % 5 !== 0) scene.end(made, { at: at + 2, code: n % 23 === 0 ? 1 : 0 });
    if (isSession) parents.length = 1;
    parents.push(made);
  }
  return scene;
}

/** Marsaglia's xorshift: the same numbers for the same seed. */
function numbers(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
