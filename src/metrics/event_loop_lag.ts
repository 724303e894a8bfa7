/** How late the event loop comes round: what a ping of osquery's would have to wait. */

const EVERY_MS = 100;

/** Tells `observe` the lag in seconds ten times a second until the function that it answers is called. */
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
