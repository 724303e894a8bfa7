/** Runs Debian's Prometheus for a test, and promtool. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../integration/extension_under_test.ts';

export const RULES = fileURLToPath(new URL('../../packaging/prometheus/rules.yml', import.meta.url));
const DASHBOARD = fileURLToPath(new URL('../../packaging/grafana/process-ancestry.json', import.meta.url));

export const hasPrometheus = ['prometheus', 'promtool'].every(
  (tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0,
);

/** A free port of the loopback address. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

export function promtool(args: readonly string[], input = ''): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' });
  return { status, said: `${stdout}${stderr}` };
}

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

export class Prometheus {
  readonly #child: ChildProcess;
  readonly #url: string;
  readonly #directory: string;
  #said = '';

  private constructor(child: ChildProcess, url: string, directory: string) {
    this.#child = child;
    this.#url = url;
    this.#directory = directory;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#said += text;
    });
  }

  /** Scrapes the target every second, with the project's rules; resolves after the first scrape. */
  static async start(target: string): Promise<Prometheus> {
    const directory = mkdtempSync(join(tmpdir(), 'pa-prometheus-'));
    const config = join(directory, 'prometheus.yml');
    writeFileSync(
      config,
      JSON.stringify({
        global: { scrape_interval: '1s', evaluation_interval: '1s' },
        rule_files: [RULES],
        scrape_configs: [{ job_name: 'process_ancestry', static_configs: [{ targets: [target] }] }],
      }),
    );
    const listen = `127.0.0.1:${await freePort()}`;
    const flags = [`--config.file=${config}`, `--storage.tsdb.path=${join(directory, 'data')}`];
    const child = spawn('prometheus', [...flags, `--web.listen-address=${listen}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const prometheus = new Prometheus(child, `http://${listen}`, directory);
    try {
      await until('scraping', () => prometheus.#isUp());
    } catch (error) {
      await prometheus.stop();
      throw new Error(`${prometheus.#said}\n${error}`);
    }
    return prometheus;
  }

  /** @throws {Error} Prometheus refuses the expression */
  async query(expression: string): Promise<readonly Series[]> {
    const { data, error } = await this.#get<{ result: { metric: Record<string, string>; value: [number, string] }[] }>(
      `query?query=${encodeURIComponent(expression)}`,
    );
    if (!data) throw new Error(`${expression}: ${error}`);
    return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  async value(expression: string): Promise<number | undefined> {
    return (await this.query(expression))[0]?.value;
  }

  /** The state of the rules in Prometheus. */
  async rules(): Promise<readonly { name: string; health: string; lastError?: string }[]> {
    type Groups = { groups: { rules: { name: string; health: string; lastError?: string }[] }[] };
    const { data } = await this.#get<Groups>('rules');
    return data?.groups.flatMap(({ rules }) => rules) ?? [];
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGTERM');
      await until('ended', () => this.#child.exitCode !== null || this.#child.signalCode !== null);
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #isUp(): Promise<boolean> {
    if (this.#child.exitCode !== null) throw new Error(`prometheus has exited: ${this.#said}`);
    try {
      return (await this.value('up')) === 1;
    } catch {
      return false;
    }
  }

  async #get<Data>(path: string): Promise<{ data?: Data; error?: string }> {
    const response = await fetch(`${this.#url}/api/v1/${path}`);
    return (await response.json()) as { data?: Data; error?: string };
  }
}

/** All expressions of the dashboard, with its variables filled in. */
export function dashboardQueries(): { panel: string; expression: string }[] {
  interface Panel {
    readonly title: string;
    readonly targets?: readonly { readonly expr: string }[];
  }
  const { panels, annotations } = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as {
    panels: Panel[];
    annotations: { list: { name: string; expr: string }[] };
  };
  return [
    ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ panel: title, expression: expr }))),
    ...annotations.list.map(({ name, expr }) => ({ panel: name, expression: expr })),
  ].map(({ panel, expression }) => ({
    panel,
    expression: expression.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '30s'),
  }));
}

/** Names of our metrics in PromQL; those recorded by rules have a colon. */
export function metricNames(expression: string): string[] {
  const code = expression.replace(/"[^"]*"/g, '""');
  return [...code.matchAll(/(?<![\w:])process_ancestry_[a-z0-9_]+(?![\w:])/g)].map(([name]) => name);
}
