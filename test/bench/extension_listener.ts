/** This extension, or one of another checkout, as a listener. */
import { ExtensionUnderTest, type Row } from '../integration/extension_under_test.ts';
import { type Checkout, THIS } from './checkout.ts';
import { extensionFlags } from './extension_flags.ts';
import type { Listener, RunningListener } from './listener.ts';

export const extensionListener = (
  name: string,
  flags: readonly string[] = [],
  { program }: Checkout = THIS,
): Listener => ({
  name,
  async start(): Promise<RunningListener> {
    // All rows are read at the end, also if the command lines above this test are long.
    const readable = ['--result-max-bytes', '1073741824'];
    const extension = await ExtensionUnderTest.start([...extensionFlags(), ...readable, ...flags], {
      program,
      // As osqueryd starts it.
      interval: 3,
    });
    const { pid } = extension.child;
    if (pid === undefined) throw new Error('the extension has no pid');
    let rows: Promise<readonly Row[]> | undefined;
    const stop = () => extension.stop();
    return {
      processes: { extension: pid },
      async lost() {
        const stats = await extension.stats();
        return Number(stats.events_lost) + Number(stats.details_missing);
      },
      finish() {
        const execs = { action: [{ op: 2, expr: 'exec' }] };
        rows ??= extension.generate('process_ancestry_events', execs, ['pid', 'cmdline', 'ancestry']).finally(stop);
        return rows;
      },
      stop,
    };
  },
});

/** The names by which budgets are found. */
export const EBPF = 'this extension, eBPF';
export const AUDIT = 'this extension, audit';

/** The listeners of each part: each sensor, and the old commit, if given, with its only sensor. */
export const extensionListeners = (old: Checkout | undefined): readonly Listener[] => [
  { ...extensionListener(EBPF, ['--collector', 'ebpf']), isCompiledSlowly: true },
  { ...extensionListener(AUDIT, ['--collector', 'audit']), isCompiledSlowly: true },
  ...(old ? [extensionListener(old.name, [], old)] : []),
];
