/** The flags of every extension that is measured. */
export function extensionFlags(options: { readonly replayFile?: string } = {}): string[] {
  const { replayFile } = options;
  // Nothing more: what is measured is what people get by default.
  return replayFile === undefined ? [] : ['--collector', 'replay', '--replay-file', replayFile];
}
