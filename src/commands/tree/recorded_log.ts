/** The tables of a recorded audit log, read in this process: without osquery, by any user. */
import { processAncestryEvents } from '../../../tables/process_ancestry_events.ts';
import { processAncestryTree } from '../../../tables/process_ancestry_tree.ts';
import type { FlagValues } from '../../config/flags.ts';
import type { Logger } from '../../program/log.ts';
import { Recorder } from '../../recording/recorder.ts';
import { storeSettings } from '../../recording/store_settings.ts';
import { EventStore } from '../../store/event_store.ts';
import { OwnTables, type TableReader } from './table_reader.ts';

/** A log is drawn completely, without the limits of a host. */
const WHOLE = {
  process_ancestry_collector: 'replay',
  process_ancestry_enable: true,
  process_ancestry_fallback_replay_file: '',
  process_ancestry_database: ':memory:',
  process_ancestry_hash: false,
  process_ancestry_ignore: '',
  process_ancestry_cache_size: 200_000,
  process_ancestry_cache_ttl: 604_800,
  process_ancestry_events_max: 10_000_000,
  process_ancestry_events_max_bytes: 17_179_869_184,
} as const satisfies Partial<FlagValues>;

export class RecordedLog {
  readonly tables: TableReader;
  readonly #recorder: Recorder;
  readonly #store: EventStore;

  private constructor(recorder: Recorder, store: EventStore) {
    this.#recorder = recorder;
    this.#store = store;
    const events = processAncestryEvents({ store, resultMaxBytes: () => Number.MAX_SAFE_INTEGER });
    this.tables = new OwnTables([events, processAncestryTree(() => recorder.processes)]);
  }

  /** Reads the whole log. An error contains the file name. */
  static async read(file: string, flags: FlagValues, log: Logger): Promise<RecordedLog> {
    const values: FlagValues = { ...flags, ...WHOLE, process_ancestry_replay_file: file };
    const store = new EventStore(storeSettings(values, ''), { log });
    const recorder = new Recorder({ values, store, log });
    const read = new RecordedLog(recorder, store);
    await recorder.start();
    const failure = recorder
      .stats()
      .problems.find(({ code }) => code === 'replay_failed' || code === 'collector_failed');
    if (!failure) return read;
    read.close();
    throw new Error(failure.message);
  }

  close(): void {
    this.#recorder.stop();
    this.#store.close();
  }
}
