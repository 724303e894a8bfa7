/** This extension as a listener. */
import { ExtensionUnderTest, type Row } from '../integration/extension_under_test.ts';
import { extensionFlags } from './extension_flags.ts';
import type { Listener, RunningListener } from './listener.ts';

export const extensionListener = (name: string, flags: readonly string[] = []): Listener => ({
  name,
  async start(): Promise<RunningListener> {
    // All rows are read at the end, however long the command lines are of whoever runs this.
    const readable = ['--result-max-bytes', '1073741824'];
    const extension = await ExtensionUnderTest.start([...extensionFlags(), ...readable, ...flags]);
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
