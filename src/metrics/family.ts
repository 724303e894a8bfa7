/** Metric families, independent of the output format. */

export interface Sample {
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}

/** All samples of one name. */
export interface Family {
  /** Conventions of Prometheus: base units, suffix `_total` for counters. */
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly samples: readonly Sample[];
}

/**
 * Prefix of each name, also of process metrics: node_exporter fails if a textfile contains one of its own metric names
 * (process_cpu_seconds_total).
 */
export const PREFIX = 'process_ancestry_';

export function counter(name: string, help: string, samples: number | readonly Sample[]): Family {
  return { name: PREFIX + name, type: 'counter', help, samples: samplesOf(samples) };
}

export function gauge(name: string, help: string, samples: number | readonly Sample[]): Family {
  return { name: PREFIX + name, type: 'gauge', help, samples: samplesOf(samples) };
}

function samplesOf(samples: number | readonly Sample[]): readonly Sample[] {
  return typeof samples === 'number' ? [{ value: samples }] : samples;
}
