/** The flags of every measured extension. */
export function extensionFlags(options: { readonly replayFile?: string } = {}): string[] {
  const { replayFile } = options;
  // No others: the defaults are measured.
  return replayFile === undefined ? [] : ['--collector', 'replay', '--replay-file', replayFile];
}
