/** Measures event loop lag: the delay of an answer to a ping from osquery. */

const EVERY_MS = 100;

/** Calls `observe` with the lag in seconds ten times per second. The returned function stops it. */
export function watchEventLoop(observe: (seconds: number) => void): () => void {
  let due = performance.now() + EVERY_MS;
  const timer = setInterval(() => {
    const now = performance.now();
    observe(Math.max(0, now - due) / 1000);
    due = now + EVERY_MS;
  }, EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
