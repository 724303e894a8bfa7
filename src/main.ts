/** process_ancestry.ext: reads the command line and puts the parts together. Nothing else knows them all. */

import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { isSea } from 'node:sea';
import { fileURLToPath } from 'node:url';
import { processAncestry } from '../tables/process_ancestry.ts';
import { processAncestryCacheStats } from '../tables/process_ancestry_cache_stats.ts';
import { processAncestryEvents } from '../tables/process_ancestry_events.ts';
import { processAncestrySubscribers } from '../tables/process_ancestry_subscribers.ts';
import { processAncestryTree } from '../tables/process_ancestry_tree.ts';
import { cleanUp } from './cleanup.ts';
import { SAMPLE_LOG } from './collect/replay.ts';
import { type CommandLine, helpText, parseCommandLine } from './config/command_line.ts';
import { FlagError, type FlagValues, flags } from './config/flags.ts';
import { changedFlags, resolveFlags, type Sources } from './config/settings.ts';
import { diagnose } from './doctor/doctor.ts';
import { exitCode } from './doctor/finding.ts';
import { asJson, asText } from './doctor/report.ts';
import { ThisHost } from './doctor/this_host.ts';
import { UserNames } from './ecs/user_names.ts';
import { messageOf } from './error_message.ts';
import { type Logger, makeLogger } from './log.ts';
import { buildInfo } from './metrics/build_info.ts';
import { cacheStatsFamilies } from './metrics/cache_stats.ts';
import { healthOf } from './metrics/health.ts';
import { Metrics } from './metrics/metrics.ts';
import { processFamilies, readOwnProcess } from './metrics/own_process.ts';
import { registrationFamilies } from './metrics/registration.ts';
import { subscriberFamilies } from './metrics/subscribers.ts';
import { Extension } from './osquery/extension.ts';
import { ExtensionError } from './osquery/extension_error.ts';
import { QueriedFlags } from './queried_flags.ts';
import { Recorder } from './recorder.ts';
import { CONFIGURED_WITHIN_MS, storeSettingsAtStart } from './retention_at_start.ts';
import { runShell } from './shell/shell.ts';
import { EventStore } from './store/event_store.ts';
import { askOsquery, OSQUERY_DATABASE, storeSettings } from './store_settings.ts';
import { tree } from './tree/command.ts';
import { RecordedLog } from './tree/recorded_log.ts';
import { VERSION } from './version.ts';

const DEFAULT_CONFIG_FILE = '/etc/osquery/process_ancestry.json';
/** Exit statuses: the command line is wrong; the extension could not do its work. */
const USAGE = 2;
const FAILED = 1;

/** Rows wait so long for osquery to come up and say where its database is. */
const DATABASE_WAIT_MS = 10_000;

async function main(): Promise<number> {
  let commandLine: CommandLine;
  try {
    commandLine = parseCommandLine(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    process.stderr.write(`process_ancestry: ${error.message}\n`);
    return USAGE;
  }
  switch (commandLine.command) {
    case 'help':
      process.stdout.write(helpText());
      return 0;
    case 'version':
      process.stdout.write(`process_ancestry ${VERSION}\n`);
      return 0;
    case 'shell':
      return shell(commandLine);
    case 'doctor':
      return doctor(commandLine);
    case 'cleanup':
      return cleanup(commandLine);
    case 'tree':
      return familyTree(commandLine);
    case 'extension':
      return extension(commandLine);
  }
}

/** What starts this program again, and the one file that osquery would start. */
function itself(): { command: string[]; executable: string } {
  // The options of its Node are inside the single executable, which would take them for its own.
  if (isSea()) return { command: [process.execPath], executable: process.execPath };
  const launchers = ['../process_ancestry.ext', '../dist/process_ancestry.ext'].map((place) =>
    fileURLToPath(new URL(place, import.meta.url)),
  );
  return {
    command: [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url)],
    executable: launchers.find((path) => existsSync(path)) ?? '',
  };
}

async function shell(commandLine: CommandLine): Promise<number> {
  const replayed = commandLine.flags.get('process_ancestry_replay_file');
  const given = new Map(commandLine.flags);
  // npm runs us in the project's folder, and says where it was called.
  if (replayed && replayed !== SAMPLE_LOG)
    given.set('process_ancestry_replay_file', resolve(process.env.INIT_CWD ?? '', replayed));
  const passedOn = [...given].flatMap(([name, value]) => [`--${name}`, value]);
  if (commandLine.verbose) passedOn.push('--verbose');
  if (commandLine.configFile) passedOn.push('--config_file', commandLine.configFile);
  const { sql, output } = commandLine;
  const { command, executable } = itself();
  return runShell({
    extensionCommand: command,
    extensionPath: executable,
    args: [
      ...['--process_ancestry_fallback_replay_file', SAMPLE_LOG, '--process_ancestry_database', ':memory:'],
      ...[
        '--process_ancestry_log_level',
        'warn',
        '--process_ancestry_log_format',
        process.stderr.isTTY ? 'text' : 'json',
      ],
      ...passedOn,
      ...(commandLine.embedded ? ['--embedded'] : []),
    ],
    mode: output,
    ...(sql === undefined ? {} : { sql }),
  });
}

/** Where osqueryd listens, and Fleet's Orbit has its osqueryd listen. */
const SOCKETS = ['/var/osquery/osquery.em', '/opt/orbit/orbit-osquery.em'] as const;

/** The flags in force where osquery has no say; what is wrong with them is told. */
function flagsWithoutOsquery(commandLine: CommandLine): FlagValues {
  const osqueryOptions = new Map<string, string>();
  const { content: file, error: fileError } = readConfigFile(commandLine.configFile);
  const { flags: given } = commandLine;
  const { values, errors } = resolveFlags({ commandLine: given, environment: process.env, osqueryOptions, file });
  for (const message of [fileError && `${fileError}; it is not used`, ...errors.map((error) => error.message)])
    if (message) process.stderr.write(`process_ancestry: ${message}\n`);
  return values;
}

function cleanup(commandLine: CommandLine): number {
  const { isClean, message } = cleanUp(flagsWithoutOsquery(commandLine).process_ancestry_state_file);
  (isClean ? process.stdout : process.stderr).write(`process_ancestry: ${message}\n`);
  return isClean ? 0 : FAILED;
}

async function doctor(commandLine: CommandLine): Promise<number> {
  const values = flagsWithoutOsquery(commandLine);
  const host = new ThisHost({
    extensionPath: itself().executable,
    socketPath: osquerySocket(commandLine),
    databasePath: (osqueryDatabase) =>
      storeSettings(values, osqueryDatabase ?? OSQUERY_DATABASE).directory ?? ':memory:',
  });
  const diagnoses = await diagnose(host);
  const colour = process.stdout.isTTY && !process.env.NO_COLOR;
  process.stdout.write(commandLine.output === 'json' ? asJson(diagnoses) : asText(diagnoses, colour));
  return exitCode(diagnoses);
}

async function familyTree(commandLine: CommandLine): Promise<number> {
  const values = flagsWithoutOsquery(commandLine);
  // A log is drawn when the command line names it: a configured one is the extension's to replay.
  const named = commandLine.flags.get('process_ancestry_replay_file');
  const replayed = !named || named === SAMPLE_LOG ? named : resolve(named);
  const log = makeLogger(commandLine.verbose ? 'debug' : 'warn', values.process_ancestry_log_format);
  return tree({
    ...commandLine.tree,
    version: VERSION,
    socketPath: osquerySocket(commandLine),
    log: replayed ? { file: replayed, read: () => RecordedLog.read(replayed, values, log) } : undefined,
    env: process.env,
    output: process.stdout,
    error: process.stderr,
  });
}

function osquerySocket({ socket }: CommandLine): string {
  const [first] = SOCKETS;
  return resolve(socket ?? SOCKETS.find((path) => existsSync(path)) ?? first);
}

async function extension(commandLine: CommandLine): Promise<number> {
  if (commandLine.socket === undefined) {
    process.stderr.write(
      'process_ancestry: --socket is missing: osquery passes it when it loads the extension; ' +
        '"process_ancestry.ext shell" is a prompt without osquery\n',
    );
    return USAGE;
  }
  let sources: Sources = {
    commandLine: commandLine.flags,
    environment: process.env,
    osqueryOptions: new Map(),
    file: undefined,
  };
  const configFile = readConfigFile(commandLine.configFile);
  sources = { ...sources, file: configFile.content };
  const resolved = resolveFlags(sources);
  const { process_ancestry_log_level: level, process_ancestry_log_format: format } = resolved.values;
  const log = makeLogger(commandLine.verbose ? 'debug' : level, format);
  const wrongOnCommandLine = resolved.errors.find(({ message }) => message.startsWith('command line:'));
  if (wrongOnCommandLine) {
    process.stderr.write(`process_ancestry: ${wrongOnCommandLine.message}\n`);
    return USAGE;
  }
  if (configFile.error) log.error(`${configFile.error}; it is not used`);
  for (const error of resolved.errors) log.error(`${error.message}; it is not used`);

  let { values } = resolved;
  let osqueryDatabase: string | undefined;
  let metrics: Metrics | undefined;
  let settingsOf = storeSettingsAtStart;
  const store = new EventStore(settingsOf(values, osqueryDatabase), {
    log,
    onWritten: (milliseconds) => metrics?.written(milliseconds),
  });
  const configureStore = (): void => store.configure(settingsOf(values, osqueryDatabase));
  setTimeout(() => {
    settingsOf = storeSettings;
    configureStore();
  }, CONFIGURED_WITHIN_MS).unref();
  const opened = Promise.withResolvers<void>();
  const openBeside = (path: string): void => {
    osqueryDatabase ??= path;
    configureStore();
  };
  setTimeout(openBeside, DATABASE_WAIT_MS, OSQUERY_DATABASE).unref();
  const names = new UserNames();
  await names.start();
  const recorder = new Recorder({
    values,
    store,
    log,
    names,
    onPublished: (event) => metrics?.published(event),
    otherProblems: () => metrics?.problems ?? [],
  });
  const refused = new Set<string>();
  const refuse = (message: string): void => {
    if (!refused.has(message)) log.error(`${message}; the running value stays`);
    refused.add(message);
  };
  const useSources = (news: Partial<Sources>): void => {
    const { content, error } = readConfigFile(commandLine.configFile);
    // A file that is being written is not one that says nothing.
    if (error) refuse(error);
    sources = { ...sources, ...news, file: error ? sources.file : content };
    const next = resolveFlags(sources, values);
    for (const { message } of next.errors) refuse(message);
    const changed = changedFlags(values, next.values);
    if (changed.length === 0) return;
    values = next.values;
    log.info({ changed: Object.fromEntries(changed.map((name) => [name, values[name]])) }, 'flags have changed');
    if (!commandLine.verbose) log.level = values.process_ancestry_log_level;
    configureStore();
    void recorder.configure(values, changed.some(needsRestart));
    metrics?.configure(values);
  };

  const queriedFlags = new QueriedFlags((sql) => running.query(sql));
  const readFlags = async (): Promise<void> => {
    const { flags: queried, errors } = await queriedFlags.read();
    errors.forEach(refuse);
    useSources({ queried });
  };

  const readable = () => Promise.all([recorder.readable, opened.promise]).then(() => undefined);
  const resultMaxBytes = () => values.process_ancestry_result_max_bytes;
  const plugins = [
    processAncestryEvents({ store, readable, resultMaxBytes }),
    processAncestry(() => recorder.processes, readable),
    processAncestryTree(() => recorder.processes, readable),
    processAncestrySubscribers(store),
    processAncestryCacheStats(() => recorder.stats()),
  ];
  const running = new Extension({
    name: 'process_ancestry',
    version: VERSION,
    sdkVersion: '5.0.0',
    minSdkVersion: '0.0.0',
    socketPath: commandLine.socket,
    timeoutSeconds: commandLine.timeoutSeconds,
    intervalSeconds: commandLine.intervalSeconds,
    plugins,
    log,
    onOptions: (options) =>
      useSources({ osqueryOptions: new Map([...options].map(([name, { value }]) => [name, value])) }),
    resultMaxBytes: { name: 'process_ancestry_result_max_bytes', bytes: resultMaxBytes },
    onRegistered: async () => {
      // How many rows are kept is to be known before the database is opened.
      await readFlags();
      const { database, worker } = await askOsquery((sql) => running.query(sql));
      openBeside(database);
      store.readBy(worker);
      opened.resolve();
    },
    onSeen: () => {
      store.confirm();
      void readFlags();
    },
    onAnswer: (report) => metrics?.answered(report),
  });
  metrics = new Metrics({
    values,
    log,
    tables: plugins.map(({ name }) => name),
    read: () => [
      buildInfo(VERSION),
      ...registrationFamilies(running.registration, running.counts),
      ...cacheStatsFamilies(recorder.stats()),
      ...subscriberFamilies(store.subscribers()),
      ...processFamilies(readOwnProcess()),
    ],
    health: () => healthOf(running.registration, recorder.stats()),
  });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    // Not once: a second signal, which service managers may send, must not cut the leaving short.
    process.on(signal, () => {
      recorder.stop();
      void running.stop(signal);
    });
  }
  leaveAllAsItShouldBeOnBug(recorder, store, metrics, log);
  try {
    await Promise.all([running.run(), recorder.start()]);
    return 0;
  } catch (error) {
    if (!(error instanceof ExtensionError)) throw error;
    log.error({ code: error.code }, error.message);
    return FAILED;
  } finally {
    metrics.close();
    recorder.stop();
    store.close();
  }
}

function needsRestart(name: keyof FlagValues): boolean {
  return name === 'process_ancestry_enable' || 'atStartOnly' in flags[name];
}

function readConfigFile(named: string | undefined): { content: unknown; error?: string } {
  const path = named ?? DEFAULT_CONFIG_FILE;
  if (named === undefined && !existsSync(path)) return { content: undefined };
  try {
    return { content: JSON.parse(readFileSync(path, 'utf8')) };
  } catch (error) {
    const why = messageOf(error);
    return { content: undefined, error: `configuration file ${path}: ${why}` };
  }
}

/** Whatever goes wrong: audit is not left switched on with nobody reading, and rows are written. */
function leaveAllAsItShouldBeOnBug(recorder: Recorder, store: EventStore, metrics: Metrics, log: Logger): void {
  const die = (error: unknown): void => {
    log.fatal({ err: error }, 'a bug: please report it');
    try {
      recorder.stop();
      store.close();
      metrics.close();
    } finally {
      process.exit(FAILED);
    }
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
}

// No await: the single executable's program is a CommonJS module.
void main().then((status) => process.exit(status));
