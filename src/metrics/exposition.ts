/** Formats metrics for Prometheus. The only file that uses prom-client. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type Family, PREFIX } from './family.ts';

export type Format = 'text' | 'openmetrics';

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  text: Registry.PROMETHEUS_CONTENT_TYPE,
  openmetrics: Registry.OPENMETRICS_CONTENT_TYPE,
};

/** Histograms, in seconds. */
export class Histograms {
  readonly answers = new Histogram({
    name: `${PREFIX}answer_duration_seconds`,
    help: 'Time from a query of osquery to the last byte of its answer',
    labelNames: ['table'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [],
  });
  readonly publishing = new Histogram({
    name: `${PREFIX}publish_delay_seconds`,
    help: 'Time from an event to its row',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [],
  });
  readonly writing = new Histogram({
    name: `${PREFIX}store_write_duration_seconds`,
    help: 'Time to write a batch of rows',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
    registers: [],
  });
  readonly eventLoopLag = new Histogram({
    name: `${PREFIX}event_loop_lag_seconds`,
    help: 'Event loop lag, measured ten times per second',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
    registers: [],
  });

  get all(): readonly Histogram[] {
    return [this.answers, this.publishing, this.writing, this.eventLoopLag] as readonly Histogram[];
  }
}

/**
 * Formats the answer to a scrape. Each call uses a new registry: a removed subscriber leaves no series, and prom-client
 * renames counters of the registry when it writes OpenMetrics.
 */
export function expose(families: readonly Family[], histograms: Histograms, format: Format): Promise<string> {
  const registry = new Registry();
  registry.setContentType(CONTENT_TYPES[format] as typeof Registry.PROMETHEUS_CONTENT_TYPE);
  for (const { name, type, help, samples } of families) {
    // prom-client adds a sample with value 0 to a family without labels and samples.
    const labelNames = samples.length > 0 ? Object.keys(samples[0]?.labels ?? {}) : ['none'];
    const options = { name, help, labelNames, registers: [registry] };
    if (type === 'counter') {
      const metric = new Counter(options);
      for (const { value, labels = {} } of samples) metric.inc(labels, value);
    } else {
      const metric = new Gauge(options);
      for (const { value, labels = {} } of samples) metric.set(labels, value);
    }
  }
  for (const histogram of histograms.all) registry.registerMetric(histogram);
  return registry.metrics();
}

/** The format that a client with this `Accept` header prefers. */
export function formatFor(accept: string | undefined): Format {
  return /\bapplication\/openmetrics-text\b(?!\s*;[^,]*q=0(\.0*)?\s*(,|$))/.test(accept ?? '') ? 'openmetrics' : 'text';
}
