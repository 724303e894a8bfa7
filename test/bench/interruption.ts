/** An interrupted benchmark must still restore the host: it stops at the next step, through `finally`. */
let signalled: NodeJS.Signals | undefined;

export function watchForSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      signalled = signal;
    });
  }
}

/** Called at each step. */
export function throwIfInterrupted(): void {
  if (signalled) throw new Error(`stopped by ${signalled}`);
}
