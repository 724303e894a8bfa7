/** Counts and formats metrics while they are enabled. Loads prom-client. */
import type { AnswerReport } from '../osquery/index.ts';
import { AnswerCounts } from './answers.ts';
import { watchEventLoop } from './event_loop_lag.ts';
import { expose, type Format, Histograms } from './exposition.ts';
import type { Family } from './family.ts';

export interface ExporterOptions {
  readonly tables: readonly string[];
  readonly read: () => readonly Family[];
}

/** The text of the metrics is made at most once in this time. */
const SAME_TEXT_MS = 500;

export class Exporter {
  readonly #options: ExporterOptions;
  readonly #answers: AnswerCounts;
  readonly #histograms = new Histograms();
  readonly #unwatch: () => void;
  readonly #texts = new Map<Format, { readonly madeMs: number; readonly text: Promise<string> }>();

  constructor(options: ExporterOptions) {
    this.#options = options;
    this.#answers = new AnswerCounts(options.tables);
    for (const table of options.tables) this.#histograms.answers.zero({ table });
    this.#unwatch = watchEventLoop((seconds) => this.#histograms.eventLoopLag.observe(seconds));
  }

  answered(report: AnswerReport): void {
    this.#answers.add(report);
    if (report.outcome === 'answered') {
      this.#histograms.answers.observe({ table: report.table }, report.milliseconds / 1000);
    }
  }

  published(milliseconds: number): void {
    // The clock may have been set back.
    this.#histograms.publishing.observe(Math.max(0, milliseconds) / 1000);
  }

  written(milliseconds: number): void {
    this.#histograms.writing.observe(milliseconds / 1000);
  }

  text(format: Format): Promise<string> {
    const now = performance.now();
    const last = this.#texts.get(format);
    if (last && now - last.madeMs < SAME_TEXT_MS) return last.text;
    const text = this.#make(format);
    this.#texts.set(format, { madeMs: now, text });
    return text;
  }

  stop(): void {
    this.#unwatch();
  }

  async #make(format: Format): Promise<string> {
    return expose([...this.#options.read(), ...this.#answers.families()], this.#histograms, format);
  }
}
