/**
 * The part of a Fleet server that osqueryd talks to (fleetdm/fleet, server/service/osquery.go), over HTTPS on loopback: it
 * sends the configuration in packaging/fleet, and keeps what it receives.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FleetConfig, Report } from './fleet_config.ts';
import { asList, asMapping, asText, type Mapping } from './fleet_files.ts';

/** A self-signed certificate for 127.0.0.1. */
function certificate(): { key: Buffer; cert: Buffer } {
  const directory = mkdtempSync(join(tmpdir(), 'pa-tls-'));
  try {
    const [key, cert] = [join(directory, 'key'), join(directory, 'cert')];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    execFileSync('openssl', ['req', '-x509', ...kind, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Errors of osqueryd; an invalid node must enroll again. */
class Refused extends Error {
  readonly nodeInvalid: boolean;
  constructor(message: string, nodeInvalid: boolean) {
    super(message);
    this.nodeInvalid = nodeInvalid;
  }
}

export class FleetServer {
  config: FleetConfig;
  /** Labels of the one host. */
  readonly labels = new Set<string>();
  /** Received results and status lines, in order. */
  readonly logged: Mapping[] = [];
  /** By policy: whether the host passes; undefined if its query failed. */
  readonly policies = new Map<string, boolean | undefined>();
  /** Live queries, and their rows after they were run. */
  readonly live = new Map<string, { readonly query: string; rows?: readonly unknown[]; message?: string }>();
  /** Requested paths. */
  readonly asked = new Set<string>();
  readonly #tls = certificate();
  #nodeKey: string | undefined;
  #server: Server | undefined;

  constructor(config: FleetConfig) {
    this.config = config;
  }

  /** The certificate that a client must trust. */
  get certificate(): Buffer {
    return this.#tls.cert;
  }

  async listen(): Promise<string> {
    const server = createServer(this.#tls, (request, response) => {
      void this.#answer(request).then(({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
        response.end(JSON.stringify(body));
      });
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const server = this.#server;
    server?.closeAllConnections();
    if (server) await new Promise((resolve) => server.close(resolve));
  }

  /** As after a deletion of the host in Fleet. */
  forgetHost(): void {
    this.#nodeKey = undefined;
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
    try {
      let text = '';
      for await (const chunk of request.setEncoding('utf8')) text += chunk;
      const path = (request.url ?? '').replace(/^\/api\/(v1\/)?osquery\//, '');
      this.asked.add(request.url ?? '');
      const body = asMapping(JSON.parse(text), 'request');
      if (request.method !== 'POST') throw new Refused(`method ${request.method}`, false);
      if (path === 'enroll') return { status: 200, body: this.#enroll(body) };
      if (body.node_key === undefined || body.node_key !== this.#nodeKey)
        throw new Refused('authentication error: invalid node key', true);
      switch (path) {
        case 'config':
          return { status: 200, body: this.#configOfHost() };
        case 'log':
          return { status: 200, body: this.#log(body) };
        case 'distributed/read':
          return { status: 200, body: this.#questions() };
        case 'distributed/write':
          return { status: 200, body: this.#take(body) };
        default:
          return { status: 404, body: { error: 'not found' } };
      }
    } catch (error) {
      if (error instanceof Refused)
        return { status: 401, body: { error: error.message, ...(error.nodeInvalid ? { node_invalid: true } : {}) } };
      return { status: 500, body: { error: String(error) } };
    }
  }

  #enroll(body: Mapping): Mapping {
    if (body.enroll_secret !== this.config.secret) throw new Refused('enroll failed: no matching secret found', true);
    asText(body.host_identifier, 'host_identifier');
    asMapping(body.host_details, 'host_details');
    this.#nodeKey = randomBytes(24).toString('base64');
    return { node_key: this.#nodeKey };
  }

  /** The agent options' config, with the fleet's reports that are due as a pack. */
  #configOfHost(): Mapping {
    const queries = Object.fromEntries(this.config.reports.filter((one) => this.#isScheduled(one)).map(scheduled));
    return { ...this.config.agentConfig, packs: { 'team-1': { queries } } };
  }

  /** server/datastore/mysql/queries.go, ListScheduledQueriesForAgents. */
  #isScheduled({ interval, automations, discardData, logging, labels }: Report): boolean {
    const wanted = automations || (!discardData && logging === 'snapshot');
    return interval > 0 && wanted && (labels === undefined || labels.some((name) => this.labels.has(name)));
  }

  #log(body: Mapping): Mapping {
    asText(body.log_type, 'log_type');
    const data = asList(body.data, 'data');
    if (body.log_type === 'result') this.logged.push(...data.map((line) => asMapping(line, 'log line')));
    return {};
  }

  #questions(): Mapping {
    const queries = new Map<string, string>();
    this.config.dynamicLabels.forEach(({ query }, id) => void queries.set(`fleet_label_query_${id}`, query));
    this.config.policies.forEach(({ query }, id) => void queries.set(`fleet_policy_query_${id}`, query));
    for (const [id, { query, rows, message }] of this.live)
      if (!rows && message === undefined) queries.set(`fleet_distributed_query_${id}`, query);
    const discovery = Object.fromEntries([...queries.keys()].map((name) => [name, 'SELECT 1']));
    return { queries: Object.fromEntries(queries), discovery };
  }

  #take(body: Mapping): Mapping {
    const statuses = asMapping(body.statuses, 'statuses');
    const messages = asMapping(body.messages ?? {}, 'messages');
    for (const [name, rows] of Object.entries(asMapping(body.queries, 'queries'))) {
      const failed = statuses[name] !== 0;
      const [, kind, id = ''] = /^fleet_(label|policy|distributed)_query_(.+)$/.exec(name) ?? [];
      const found = asList(rows, name);
      if (kind === 'label') this.#setLabel(this.config.dynamicLabels[Number(id)]?.name, found.length > 0);
      else if (kind === 'policy')
        this.policies.set(this.config.policies[Number(id)]?.name ?? id, failed ? undefined : found.length > 0);
      else if (kind === 'distributed') {
        const query = this.live.get(id)?.query ?? '';
        this.live.set(id, failed ? { query, message: String(messages[name]) } : { query, rows: found });
      } else throw new Error(`${name} was not requested`);
    }
    return {};
  }

  #setLabel(name: string | undefined, member: boolean): void {
    if (name === undefined) return;
    if (member) this.labels.add(name);
    else this.labels.delete(name);
  }
}

/** As sent to osqueryd (server/fleet/queries.go, GetSnapshot and GetRemoved). */
function scheduled({ name, query, interval, platform, version, logging }: Report): [string, Mapping] {
  const removed = logging === 'snapshot' ? {} : { removed: logging === 'differential' };
  const snapshot = logging === 'snapshot' ? { snapshot: true } : {};
  return [name, { query, interval, platform, version, ...removed, ...snapshot }];
}
