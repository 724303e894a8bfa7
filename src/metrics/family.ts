/** What is told of the extension, before it is written in anybody's format. */

export interface Sample {
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}

/** All samples of one name. */
export interface Family {
  /** By the conventions of Prometheus: base units, `_total` for what only grows. */
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly samples: readonly Sample[];
}

/**
 * What every name begins with, those about the process too: node_exporter refuses a textfile that has metrics of its own
 * names (process_cpu_seconds_total), and all of its own with it.
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
