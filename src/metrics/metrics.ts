/**
 * Serves metrics, writes them to a textfile, both or neither, as the flags say. When both are off, no metrics code is
 * loaded and nothing is counted. Never throws: a failure becomes a reported problem and is retried.
 */
import type { CollectorProblem } from '../collect/source.ts';
import type { FlagValues } from '../config/flags.ts';
import { type ListenAddress, parseListenAddress } from '../config/listen_address.ts';
import type { AnswerReport } from '../osquery/index.ts';
import type { Logger } from '../program/log.ts';
import { messageOf } from '../text/error_message.ts';
import type { Exporter, ExporterOptions } from './exporter.ts';
import type { Family } from './family.ts';
import { groupIdOf } from './group.ts';
import type { Health, MetricsServer } from './metrics_server.ts';
import { Textfile } from './textfile.ts';

interface MetricsOptions {
  readonly values: FlagValues;
  readonly log: Logger;
  /** Names of the served tables. */
  readonly tables: readonly string[];
  /** Current metrics of the other parts. */
  readonly read: () => readonly Family[];
  readonly health: () => Health;
}

const RETRY_MS = { least: 1000, most: 30_000 };

type MetricsFlag = Extract<keyof FlagValues, `process_ancestry_metrics_${string}`>;
type MetricsValues = Pick<FlagValues, MetricsFlag>;

export class Metrics {
  readonly #options: MetricsOptions;
  readonly #log: Logger;
  #values: MetricsValues;
  #exporter: Exporter | undefined;
  #server: MetricsServer | undefined;
  #textfile: Textfile | undefined;
  #problems = new Map<'listen' | 'textfile', CollectorProblem>();
  #retryTimer: NodeJS.Timeout | undefined;
  #retryMs = RETRY_MS.least;
  #textfileTimer: NodeJS.Timeout | undefined;
  /** Serializes changes. */
  #changes: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: MetricsOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#values = options.values;
    this.#change();
  }

  configure(values: FlagValues): void {
    const before = this.#values;
    this.#values = values;
    const isSame = (name: MetricsFlag) => before[name] === values[name];
    const served = isSame('process_ancestry_metrics_listen') && isSame('process_ancestry_metrics_socket_group');
    const written = isSame('process_ancestry_metrics_textfile') && isSame('process_ancestry_metrics_textfile_interval');
    if (served && written) return;
    if (!served) this.#stopServing();
    if (!written) this.#stopWriting();
    this.#change();
  }

  /** Current problems of the metrics. */
  get problems(): readonly CollectorProblem[] {
    return [...this.#problems.values()];
  }

  /** Resolves when all changes requested so far have been tried once. */
  get settled(): Promise<void> {
    return this.#changes;
  }

  answered(report: AnswerReport): void {
    this.#exporter?.answered(report);
  }

  /** Counts an event that became a row. */
  published(event: { readonly unixMs: number }): void {
    this.#exporter?.published(Date.now() - event.unixMs);
  }

  /** Counts a written batch of rows. */
  written(milliseconds: number): void {
    this.#exporter?.written(milliseconds);
  }

  /** Stops all metrics immediately, so that no stale values remain. */
  close(): void {
    this.#closed = true;
    this.#stopServing();
    this.#stopWriting();
    this.#exporter?.stop();
    this.#exporter = undefined;
  }

  #change(): void {
    this.#changes = this.#changes
      .then(() => this.#applyChange())
      .catch((error: unknown) => {
        this.#log.error({ err: error }, 'setting up metrics failed');
      });
  }

  async #applyChange(): Promise<void> {
    const { process_ancestry_metrics_listen: listen, process_ancestry_metrics_textfile: textfile } = this.#values;
    if (this.#closed) return;
    if (listen === '' && textfile === '') {
      this.#exporter?.stop();
      this.#exporter = undefined;
      return;
    }
    if (!this.#exporter) {
      const { Exporter } = await import('./exporter.ts');
      const options: ExporterOptions = { tables: this.#options.tables, read: this.#options.read };
      if (this.#closed) return;
      this.#exporter = new Exporter(options);
    }
    if (textfile !== '' && !this.#textfile) this.#startWriting(this.#exporter, textfile);
    if (listen !== '' && !this.#server) await this.#startServing(this.#exporter, parseListenAddress(listen));
  }

  async #startServing(exporter: Exporter, address: ListenAddress): Promise<void> {
    if (address.kind === 'off' || this.#retryTimer) return;
    const { process_ancestry_metrics_listen: listen, process_ancestry_metrics_socket_group: group } = this.#values;
    const isWanted = () => {
      const { process_ancestry_metrics_listen: where, process_ancestry_metrics_socket_group: whose } = this.#values;
      return !this.#closed && where === listen && whose === group;
    };
    try {
      const { MetricsServer } = await import('./metrics_server.ts');
      const groupId = group === '' ? undefined : groupIdOf(group);
      const server = await MetricsServer.listen({
        address,
        ...(groupId === undefined ? {} : { groupId }),
        metrics: (format) => exporter.text(format),
        health: this.#options.health,
        onError: (error) => this.#log.warn({ err: error }, 'error of the metrics server'),
      });
      if (!isWanted()) {
        server.close();
        return;
      }
      this.#server = server;
      this.#retryMs = RETRY_MS.least;
      this.#problems.delete('listen');
      this.#log.info({ listen }, 'metrics are served');
    } catch (error) {
      if (!isWanted()) return;
      const why = `process_ancestry_metrics_listen=${listen}: metrics are not served (${messageOf(error)}); it is retried`;
      this.#tell('listen', { code: 'metrics_listen_failed', message: why });
      this.#retryTimer = setTimeout(() => {
        this.#retryTimer = undefined;
        this.#change();
      }, this.#retryMs).unref();
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS.most);
    }
  }

  #stopServing(): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    this.#retryMs = RETRY_MS.least;
    this.#problems.delete('listen');
    this.#server?.close();
    this.#server = undefined;
  }

  #startWriting(exporter: Exporter, path: string): void {
    const textfile = new Textfile(path);
    this.#textfile = textfile;
    const write = async (): Promise<void> => {
      try {
        const text = await exporter.text('text');
        if (this.#textfile !== textfile) return;
        textfile.write(text);
        this.#problems.delete('textfile');
      } catch (error) {
        const why = `process_ancestry_metrics_textfile=${path} is not written (${messageOf(error)}); it is retried`;
        this.#tell('textfile', { code: 'metrics_textfile_failed', message: why });
      }
    };
    const seconds = this.#values.process_ancestry_metrics_textfile_interval;
    this.#textfileTimer = setInterval(() => void write(), seconds * 1000).unref();
    void write();
  }

  #stopWriting(): void {
    clearInterval(this.#textfileTimer);
    this.#textfileTimer = undefined;
    this.#problems.delete('textfile');
    const textfile = this.#textfile;
    this.#textfile = undefined;
    try {
      textfile?.remove();
    } catch (error) {
      this.#log.warn({ err: error }, `${textfile?.path} could not be removed`);
    }
  }

  #tell(of: 'listen' | 'textfile', problem: CollectorProblem): void {
    const isNews = this.#problems.get(of)?.message !== problem.message;
    this.#problems.set(of, problem);
    if (isNews) this.#log.error({ code: problem.code }, problem.message);
  }
}
