/**
 * Does what osqueryd does with the replies of its TLS plugins, on the embedded manager: enrolls, configures itself, runs
 * the schedule and the distributed queries, and sends the results (osquery: plugins/remote/enroll/tls_enroll.cpp,
 * plugins/config/tls_config.cpp, osquery/distributed/distributed.cpp, plugins/logger/tls_logger.cpp). A reply that osqueryd
 * could not read is an error.
 */
import { request } from 'node:https';
import type { EmbeddedManager } from '../../src/commands/shell/embedded_manager.ts';
import { asList, asMapping, asText, type Mapping } from './fleet_files.ts';

interface Scheduled {
  readonly query: string;
  readonly snapshot: boolean;
  readonly removed: boolean;
}

/** osquery refuses a longer one (osquery/core/sql/scheduled_query.h, kMaxQueryInterval). */
const MAX_INTERVAL = 592_200;

export class OsquerydClient {
  readonly #manager: EmbeddedManager;
  readonly #url: string;
  readonly #trusts: Buffer;
  readonly #schedule = new Map<string, Scheduled>();
  /** The rows of a query's last run, as text. */
  readonly #last = new Map<string, ReadonlySet<string>>();
  #nodeKey: string | undefined;
  #lines: Mapping[] = [];

  constructor(manager: EmbeddedManager, url: string, trusts: Buffer) {
    this.#manager = manager;
    this.#url = url;
    this.#trusts = trusts;
  }

  get schedule(): ReadonlyMap<string, Scheduled> {
    return this.#schedule;
  }

  async enroll(secret: string, prefix = '/api/osquery'): Promise<void> {
    const hostDetails = { osquery_info: { version: '5.23.1', platform_mask: '9' } };
    const { node_key, node_invalid } = await this.#post(`${prefix}/enroll`, {
      ...{ enroll_secret: secret, host_identifier: 'host-1', platform_type: '9', host_details: hostDetails },
    });
    if (node_invalid !== undefined && node_invalid !== true) throw new Error('enroll: node_invalid');
    if (node_invalid) throw new Error('enroll: refused');
    this.#nodeKey = asText(node_key, 'enroll: node_key');
  }

  /** Fetches the present configuration. */
  async refresh(): Promise<void> {
    const config = await this.#ask('config', {});
    for (const [name, value] of Object.entries(asMapping(config.options ?? {}, 'options'))) {
      if (typeof value === 'object') throw new Error(`option ${name}: no scalar`);
      this.#manager.options.set(name, { value: String(value), default_value: '', type: 'string' });
    }
    const decorators = asMapping(config.decorators ?? {}, 'decorators');
    for (const sql of asList(decorators.load ?? [], 'decorators.load')) asText(sql, 'decorator');
    this.#manager.views.clear();
    for (const [name, sql] of Object.entries(asMapping(config.views ?? {}, 'views')))
      this.#manager.views.set(name, asText(sql, `view ${name}`));
    this.#schedule.clear();
    this.#manager.schedule.clear();
    const delimiter = this.#manager.options.get('pack_delimiter')?.value ?? '_';
    for (const [pack, content] of Object.entries(asMapping(config.packs ?? {}, 'packs'))) {
      const queries = asMapping(asMapping(content, `pack ${pack}`).queries, `pack ${pack}: queries`);
      for (const [name, query] of Object.entries(queries))
        this.#add(['pack', pack, name].join(delimiter), asMapping(query, name));
    }
  }

  #add(name: string, { query, interval, platform, version, snapshot, removed }: Mapping): void {
    if (typeof interval !== 'number' || interval < 1 || interval > MAX_INTERVAL) throw new Error(`${name}: interval`);
    for (const flag of [snapshot, removed])
      if (flag !== undefined && typeof flag !== 'boolean') throw new Error(`${name}: neither true nor false: ${flag}`);
    for (const text of [platform, version])
      if (text !== undefined && typeof text !== 'string') throw new Error(`${name}: no text: ${text}`);
    if (platform && !/linux|posix|any|all/.test(String(platform))) return;
    const sql = asText(query, `${name}: query`);
    this.#schedule.set(name, { query: sql, snapshot: snapshot === true, removed: removed !== false });
    this.#manager.schedule.set(name, sql);
  }

  /** Runs each scheduled query once, as if all were due. */
  async runSchedule(): Promise<void> {
    for (const [name, { query, snapshot }] of this.#schedule) {
      const rows = await this.#rows(query);
      const head = {
        name,
        hostIdentifier: 'host-1',
        unixTime: Math.floor(Date.now() / 1000),
        epoch: 0,
        numerics: false,
      };
      if (snapshot) {
        this.#lines.push({ snapshot: rows, action: 'snapshot', ...head });
        continue;
      }
      const last = this.#last.get(name);
      const texts = rows.map((row) => JSON.stringify(row));
      rows.forEach((columns, i) => {
        if (!last?.has(texts[i] ?? '')) this.#lines.push({ ...head, columns, action: 'added' });
      });
      this.#last.set(name, new Set(texts));
    }
  }

  /** Sends the collected lines; keeps them if the server refuses them. */
  async flush(): Promise<void> {
    const data = this.#lines;
    await this.#ask('log', { log_type: 'result', data });
    this.#lines = this.#lines.slice(data.length);
  }

  /** Fetches queries, runs them, and sends the results. */
  async distributed(): Promise<void> {
    const { queries, discovery, accelerate } = await this.#ask('distributed/read', {});
    if (accelerate !== undefined && typeof accelerate !== 'number') throw new Error('accelerate: no number');
    const wanted = asMapping(discovery ?? {}, 'discovery');
    const results: Record<string, unknown> = {};
    const statuses: Record<string, number> = {};
    const messages: Record<string, string> = {};
    for (const [name, sql] of Object.entries(asMapping(queries, 'queries'))) {
      const look = wanted[name];
      if (look !== undefined && (await this.#rows(asText(look, `discovery of ${name}`))).length === 0) continue;
      try {
        results[name] = await this.#rows(asText(sql, name));
        statuses[name] = 0;
      } catch (error) {
        results[name] = [];
        statuses[name] = 1;
        messages[name] = error instanceof Error ? error.message : String(error);
      }
    }
    await this.#ask('distributed/write', { queries: results, statuses, messages });
  }

  async #rows(sql: string): Promise<Record<string, string>[]> {
    // fleetctl's YAML keeps the semicolon at the end of a statement.
    const { columns, rows } = await this.#manager.query(sql.trim().replace(/;$/, ''));
    return rows.map((row) => Object.fromEntries(row.map((value, i) => [columns[i]?.name ?? '', value ?? ''])));
  }

  async #ask(path: string, body: Mapping): Promise<Mapping> {
    const reply = await this.#post(`/api/osquery/${path}`, { node_key: this.#nodeKey, ...body });
    if (reply.node_invalid !== undefined) throw new Error(`${path}: node_invalid`);
    return reply;
  }

  #post(path: string, body: Mapping): Promise<Mapping> {
    return new Promise((resolve, reject) => {
      const sent = request(`${this.#url}${path}`, { method: 'POST', ca: this.#trusts }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => {
          try {
            const reply = asMapping(JSON.parse(text), path);
            if (response.statusCode === 200 || reply.node_invalid !== undefined) resolve(reply);
            else reject(new Error(`${path}: ${response.statusCode}: ${text}`));
          } catch (error) {
            reject(error);
          }
        });
      });
      sent.on('error', reject);
      sent.end(JSON.stringify(body));
    });
  }
}
