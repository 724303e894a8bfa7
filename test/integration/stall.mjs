// Preloaded into the extension: a signal makes its event loop stand still for STALL_MS.
process.on('SIGUSR2', () => {
  const until = performance.now() + Number(process.env.STALL_MS);
  while (performance.now() < until);
});
