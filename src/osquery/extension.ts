import type { ResultLimit } from './answer_builder.ts';
import type { AnswerReport } from './answer_report.ts';
import { routes } from './column.ts';
import { ExtensionError, messageOf } from './extension_error.ts';
import { ExtensionServer, NO_COUNTS, type ServerCounts, type ServerLimits } from './extension_server.ts';
import { type Log, RateLimit, silentLog } from './log.ts';
import { ManagerClient } from './manager_client.ts';
import type { ExtensionInfo, OptionInfo, Registry, Response } from './response.ts';
import { checkSocketPath } from './socket_path.ts';
import { TABLE_REGISTRY } from './table_call.ts';
import type { TablePlugin } from './table_plugin.ts';

/**
 * Why an extension left: `shutdown` (osquery asked, and has no watcher that starts another worker), `watcher gone` (the
 * parent process changed), or the argument of `stop`.
 */
export type ExitReason = 'shutdown' | 'watcher gone' | (string & Record<never, never>);

export interface ExtensionOptions {
  /** The extension's name in osquery (`--extensions_require`). */
  readonly name: string;
  readonly version: string;
  readonly sdkVersion?: string;
  readonly minSdkVersion?: string;
  /** The manager's socket, as osquery passes it in `--socket`. */
  readonly socketPath: string;
  /** Time to wait for the manager at the start (`--timeout`). Default 3. */
  readonly timeoutSeconds?: number;
  /** Time between two checks that osquery still knows the extension (`--interval`); a ping of osquery counts as one. Default 3. */
  readonly intervalSeconds?: number;
  readonly plugins: readonly TablePlugin<unknown>[];
  readonly log?: Log;
  /** Called after each registration, when the tables are served, with the uuid and the number of registrations. */
  readonly onRegistered?: (uuid: string, registrations: number) => void;
  /** Called once an interval, when osquery has confirmed that it knows the extension. */
  readonly onSeen?: () => void;
  /** Called after each query. */
  readonly onAnswer?: (report: AnswerReport) => void;
  /** Returns the current parent pid. Default: `process.ppid`. */
  readonly parentPid?: () => number;
  /** Whether the parent is osquery's watcher. Default: read from the environment (OSQUERY_EXTENSION). */
  readonly isWatched?: boolean;
  readonly limits?: Partial<ServerLimits>;
  /** A larger answer fails the query, except a single row. Default: 64 MiB. */
  readonly resultMaxBytes?: ResultLimit;
}

/** The state of the registration with osquery. */
export interface Registration {
  /** Whether osquery knew the extension at the last check. */
  readonly registered: boolean;
  /** Number of registrations: one, and one more each time osquery had forgotten the extension. */
  readonly registrations: number;
  /** Time of the last check at which osquery knew the extension, or had pinged it; 0: never. */
  readonly lastSeenUnixMs: number;
}

const RETRY_MS = 200;
const CALL_MS = 5000;
const DEREGISTER_MS = 300;
/** Intervals with a ping in which osquery is not asked whether it knows the extension. */
const UNASKED_INTERVALS = 4;

/**
 * The life cycle of an extension: wait for osquery, register, serve the tables, register again when osquery has forgotten
 * the extension (its worker restarts without a message), and deregister at the end.
 */
export class Extension {
  readonly #options: ExtensionOptions;
  readonly #log: Log;
  readonly #client: ManagerClient;
  readonly #info: ExtensionInfo;
  readonly #registry: Registry;
  readonly #rate = new RateLimit();
  readonly #left = Promise.withResolvers<ExitReason>();
  readonly #finished = Promise.withResolvers<void>();
  /** The parent is osquery's watcher. When it ends, osquery has ended, without a message to the extension. */
  readonly #parentPid: () => number;
  readonly #firstParentPid: number;
  #server: ExtensionServer | undefined;
  #uuid: string | undefined;
  #registrations = 0;
  #registered = false;
  #lastSeenUnixMs = 0;
  /** Counts of closed servers. */
  #earlierCounts: Readonly<ServerCounts> = NO_COUNTS;
  #reason: ExitReason | undefined;
  #running = false;
  #wake: (() => void) | undefined;

  /** @throws {ExtensionError} `declaration`: the columns of a plugin are invalid */
  constructor(options: ExtensionOptions) {
    const { name, version, sdkVersion = '5.0.0', minSdkVersion = '0.0.0', socketPath, plugins } = options;
    this.#options = options;
    this.#log = options.log ?? silentLog;
    this.#client = new ManagerClient(socketPath, CALL_MS, () => this.#wake?.());
    this.#parentPid = options.parentPid ?? (() => process.ppid);
    this.#firstParentPid = this.#parentPid();
    this.#info = { name, version, sdkVersion, minSdkVersion };
    this.#registry = registryOf(plugins);
  }

  /** The uuid that osquery gave the extension, decimal; undefined while it is not registered. */
  get uuid(): string | undefined {
    return this.#uuid;
  }

  /** Counts of the sockets of all registrations. */
  get counts(): Readonly<ServerCounts> {
    return this.#server ? addCounts(this.#earlierCounts, this.#server.counts) : this.#earlierCounts;
  }

  get registration(): Registration {
    return {
      registered: this.#registered,
      registrations: this.#registrations,
      lastSeenUnixMs: this.#lastSeenUnixMs,
    };
  }

  /**
   * Runs until there is a reason to leave. Resolves after the extension has left. May be called once.
   *
   * @throws {ExtensionError} the manager cannot be reached within the timeout, or refuses the extension
   */
  async run(): Promise<ExitReason> {
    if (this.#running) throw new Error('an extension runs once');
    this.#running = true;
    const life = this.#live();
    try {
      return await Promise.race([this.#left.promise, life]);
    } finally {
      await this.#leave(life);
      this.#finished.resolve();
    }
  }

  /** All options of osquery, by name. */
  options(): Promise<Map<string, OptionInfo>> {
    return this.#client.options();
  }

  /** Runs SQL in osquery, as `ManagerClient.query`. Do not call it in `generate`: osquery waits for the table. */
  query(sql: string): Promise<Response> {
    return this.#client.query(sql);
  }

  /** Leaves: deregisters, closes and removes the socket. Resolves when this is done, within a second. */
  async stop(reason: ExitReason = 'stopped'): Promise<void> {
    this.#exit(reason);
    if (this.#running) await this.#finished.promise;
  }

  async #live(): Promise<ExitReason> {
    await this.#start();
    for (let [pings, unasked] = [0, 0]; ; ) {
      this.#checkParent();
      if (this.#reason !== undefined) return this.#reason;
      // osquery pings the extensions that it knows at each interval (extensions/extensions.cpp, ExtensionManagerWatcher).
      const isPinged = this.#registered && this.#client.connected && this.counts.pings > pings;
      // Another program may ping too: osquery is asked now and then.
      const isKnown = isPinged && unasked < UNASKED_INTERVALS;
      pings = this.counts.pings;
      unasked = isKnown ? unasked + 1 : 0;
      const healthy = isKnown || (await this.#check());
      if (isKnown) this.#isSeen();
      if (healthy) await this.#sleep((this.#options.intervalSeconds ?? 3) * 1000);
      // osquery may close each connection at once: this pause limits the number of checks.
      if (!healthy || !this.#client.connected) await this.#sleep(RETRY_MS);
    }
  }

  /** The first registration, which has a time limit. */
  async #start(): Promise<void> {
    const { socketPath, timeoutSeconds = 3 } = this.#options;
    checkSocketPath(socketPath);
    const deadline = performance.now() + timeoutSeconds * 1000;
    for (;;) {
      try {
        this.#checkParent();
        await this.#register();
        return;
      } catch (error) {
        if (this.#reason !== undefined) return;
        const final = whyNotToRetry(error, socketPath);
        if (final) throw final;
        if (performance.now() >= deadline) throw tooLate(error, socketPath, timeoutSeconds);
      }
      // The path may have become a file of another kind.
      checkSocketPath(socketPath);
      await this.#sleep(RETRY_MS);
    }
  }

  /** Checks that osquery knows the extension, and registers again where it does not. Returns false on an error. */
  async #check(): Promise<boolean> {
    try {
      const known = await this.#client.extensions();
      if (this.#reason !== undefined) return true;
      if (this.#uuid === undefined || known.get(this.#uuid)?.name !== this.#info.name) {
        this.#registered = false;
        this.#log.info({ uuid: this.#uuid }, 'osquery no longer knows the extension: registering again');
        await this.#register();
      }
      this.#isSeen();
      return true;
    } catch (error) {
      this.#registered = false;
      if (this.#reason === undefined) {
        const cannotServe = error instanceof ExtensionError && error.code === 'socket-path';
        const what = cannotServe ? 'the tables cannot be served' : 'osquery does not answer';
        this.#rate.pass(what, (suppressed) =>
          this.#log.warn({ error: messageOf(error), suppressed }, `${what}, trying again`),
        );
      }
      return false;
    }
  }

  async #register(): Promise<void> {
    const { socketPath, plugins, limits, resultMaxBytes, onAnswer } = this.#options;
    const status = await this.#client.registerExtension(this.#info, this.#registry);
    if (status.code !== 0) {
      throw new ExtensionError('refused', `osquery refused the extension ${this.#info.name}: ${status.message}`);
    }
    const { uuid } = status;
    this.#uuid = uuid;
    const server = new ExtensionServer({
      path: `${socketPath}.${uuid}`,
      uuid,
      tables: plugins,
      log: this.#log,
      onShutdown: () => this.#shutdown(),
      ...(limits ? { limits } : {}),
      ...(resultMaxBytes ? { resultMaxBytes } : {}),
      ...(onAnswer ? { onAnswer } : {}),
    });
    const old = this.#server;
    if (old?.path === server.path) await old.close();
    try {
      await server.listen();
    } catch (error) {
      await this.#client.deregisterExtension(uuid).catch(() => undefined);
      this.#uuid = undefined;
      throw error;
    }
    await old?.close();
    if (old) this.#earlierCounts = addCounts(this.#earlierCounts, old.counts);
    this.#server = server;
    if (this.#reason !== undefined) {
      await server.close();
      return;
    }
    this.#registrations += 1;
    this.#seen();
    this.#log.info({ uuid, socket: server.path, registrations: this.#registrations }, 'registered with osquery');
    this.#guarded('onRegistered', () => this.#options.onRegistered?.(uuid, this.#registrations));
  }

  #isSeen(): void {
    this.#seen();
    this.#guarded('onSeen', () => this.#options.onSeen?.());
  }

  #seen(): void {
    this.#registered = true;
    this.#lastSeenUnixMs = Date.now();
  }

  #guarded(name: string, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#log.error({ error: messageOf(error) }, `${name} failed`);
    }
  }

  #checkParent(): void {
    if (this.#parentPid() !== this.#firstParentPid) this.#exit('watcher gone');
  }

  /**
   * A worker that ends calls `shutdown`, even where the watcher starts another worker at once. When osquery ends, the
   * watcher sends SIGTERM, or has gone (core/watcher.cpp, WatcherRunner::stop).
   */
  #shutdown(): void {
    if (!(this.#options.isWatched ?? isLaunchedByOsquery())) {
      this.#exit('shutdown');
      return;
    }
    this.#log.info({ uuid: this.#uuid }, 'the worker of osquery has ended: waiting for the next one');
    this.#registered = false;
    this.#uuid = undefined;
    // The closed connection starts another check.
    this.#client.close();
    void this.#server?.close();
  }

  #exit(reason: ExitReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#log.info({ reason }, 'leaving');
    this.#left.resolve(reason);
    this.#wake?.();
  }

  async #leave(life: Promise<unknown>): Promise<void> {
    // After an error too, so that nothing registers again.
    this.#reason ??= 'failed';
    this.#client.close();
    await within(DEREGISTER_MS, life);
    if (this.#uuid !== undefined && this.#reason !== 'shutdown') await this.#deregister(this.#uuid);
    this.#client.close();
    await this.#server?.close();
  }

  async #deregister(uuid: string): Promise<void> {
    const client = new ManagerClient(this.#options.socketPath, DEREGISTER_MS);
    const deregistered = client.deregisterExtension(uuid).catch((error: unknown) => {
      this.#log.debug({ error: messageOf(error) }, 'could not deregister');
    });
    await within(DEREGISTER_MS, deregistered);
    client.close();
  }

  /** Ends early when `#wake` is called: at the end, and when the connection to osquery is lost. */
  #sleep(ms: number): Promise<void> {
    if (this.#reason !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** osquery's launcher sets OSQUERY_EXTENSION to the extension's pid (process/posix/process.cpp, launchExtension). */
function isLaunchedByOsquery(): boolean {
  return process.env.OSQUERY_EXTENSION === String(process.pid);
}

function addCounts(a: Readonly<ServerCounts>, b: Readonly<ServerCounts>): ServerCounts {
  return {
    connections: a.connections + b.connections,
    requests: a.requests + b.requests,
    pings: a.pings + b.pings,
    faults: a.faults + b.faults,
    queryErrors: a.queryErrors + b.queryErrors,
    valueErrors: a.valueErrors + b.valueErrors,
    answerBytes: a.answerBytes + b.answerBytes,
  };
}

function registryOf(plugins: readonly TablePlugin<unknown>[]): Registry {
  const tables: Record<string, Record<string, string>[]> = {};
  for (const plugin of plugins) {
    if (Object.hasOwn(tables, plugin.name)) {
      throw new ExtensionError('declaration', `two tables have the name ${plugin.name}`);
    }
    tables[plugin.name] = routes(plugin);
  }
  return { [TABLE_REGISTRY]: tables };
}

/** The error to report where another attempt cannot help. */
function whyNotToRetry(error: unknown, path: string): Error | undefined {
  if (!(error instanceof ExtensionError)) return error instanceof Error ? error : new Error(String(error));
  const cause = error.cause;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'EACCES' || code === 'EPERM') {
    return new ExtensionError('socket-path', `${path}: permission denied: run as the user that osquery runs as`, {
      cause: error,
    });
  }
  return error.code === 'socket-path' || error.code === 'declaration' ? error : undefined;
}

function tooLate(error: unknown, path: string, timeoutSeconds: number): Error {
  if (error instanceof ExtensionError && error.code === 'refused') return error;
  return new ExtensionError(
    'unreachable',
    `${path}: osquery did not answer within ${timeoutSeconds} s (${messageOf(error)}): is it running with this --extensions_socket?`,
    { cause: error },
  );
}

/** Resolves when the promise has settled or the time is over. */
function within(ms: number, promise: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    promise.then(done, done);
  });
}
