/** Runs the extension: connects the recorder, the store, the tables and metrics. */

import { processAncestry } from '../../tables/process_ancestry.ts';
import { processAncestryAllow } from '../../tables/process_ancestry_allow.ts';
import { processAncestryCacheStats } from '../../tables/process_ancestry_cache_stats.ts';
import { processAncestryEvents } from '../../tables/process_ancestry_events.ts';
import { processAncestrySubscribers } from '../../tables/process_ancestry_subscribers.ts';
import { processAncestryTree } from '../../tables/process_ancestry_tree.ts';
import type { CollectorProblem } from '../collect/source.ts';
import { FAILED, USAGE } from '../commands/command_status.ts';
import { parseAllowRules } from '../config/allow_rules.ts';
import type { CommandLine } from '../config/command_line.ts';
import { readConfigFile } from '../config/config_file.ts';
import { type FlagValues, flags } from '../config/flags.ts';
import { LiveSettings } from '../config/live_settings.ts';
import { connectionsWithin, descriptorProblem, readDescriptors } from '../linux/descriptors.ts';
import { HostReader } from '../linux/host.ts';
import { UserNames } from '../linux/user_names.ts';
import { buildInfo } from '../metrics/build_info.ts';
import { cacheStatsFamilies } from '../metrics/cache_stats.ts';
import { healthOf } from '../metrics/health.ts';
import { Metrics } from '../metrics/metrics.ts';
import { processFamilies, readOwnProcess } from '../metrics/own_process.ts';
import { registrationFamilies } from '../metrics/registration.ts';
import { subscriberFamilies } from '../metrics/subscribers.ts';
import { Extension, ExtensionError } from '../osquery/index.ts';
import { type Logger, makeLogger } from '../program/log.ts';
import { RateLimit } from '../program/rate_limit.ts';
import { VERSION } from '../program/version.ts';
import { Recorder } from '../recording/recorder.ts';
import { storeSettings } from '../recording/store_settings.ts';
import { EventStore } from '../store/event_store.ts';
import { Configuration } from './configuration.ts';
import { KeptFlags } from './kept_flags.ts';
import { mergedFlags } from './queried_flags.ts';

/** osquery's configuration and our open files are looked at in every fifth interval: each look makes osquery run queries. */
const INTERVALS_A_LOOK = 5;
/** With a long interval, more often. */
const LOOK_SECONDS = 15;

const AWAITED = {
  code: 'configuration_awaited',
  message: 'osquery has not applied its configuration yet: until then, at most 30 s, no row is stored or returned',
} as const;

export async function runExtension(commandLine: CommandLine): Promise<number> {
  if (commandLine.socket === undefined) {
    process.stderr.write(
      'process_ancestry: --socket is missing; osquery passes it when it loads the extension; ' +
        '"process_ancestry.ext shell" opens a SQL prompt without osquery\n',
    );
    return USAGE;
  }
  const { flags: given, configFile, socket } = commandLine;
  const keptFlags = new KeptFlags(socket);
  const { kept, error: keptError } = keptFlags.read();
  const settings = new LiveSettings({
    commandLine: given,
    environment: process.env,
    readFile: () => readConfigFile(configFile),
    kept: { osqueryOptions: new Map(Object.entries(kept.options)), queried: mergedFlags(kept.queried) },
  });
  const { process_ancestry_log_level: level, process_ancestry_log_format: format } = settings.values;
  const log = makeLogger(commandLine.verbose ? 'debug' : level, format);
  const wrongOnCommandLine = settings.errors.find(
    (message) => message.startsWith('command line:') && !settings.isUnsafe(message),
  );
  if (wrongOnCommandLine) {
    process.stderr.write(`process_ancestry: ${wrongOnCommandLine}\n`);
    return USAGE;
  }
  for (const message of settings.errors) log.error(settings.isUnsafe(message) ? message : `${message}; it is not used`);
  if (keptError) log.error(keptError);
  const descriptors = readDescriptors();
  const connections = descriptors && connectionsWithin(descriptors);
  if (typeof connections === 'object') {
    log.error({ code: 'few_descriptors' }, connections.error);
    return FAILED;
  }

  const logLimit = new RateLimit();
  let metrics: Metrics | undefined;
  const host = new HostReader();
  // Closed until the flags are known, because they set the database directory.
  const store = new EventStore(
    { ...storeSettings(settings.values, ''), directory: undefined },
    {
      log,
      onWritten: (milliseconds) => metrics?.written(milliseconds),
      host: () => host.facts,
    },
  );
  let isKnown = false;
  const configuration = new Configuration({
    osquery: { options: () => running.options(), query: (sql) => running.query(sql) },
    kept,
    keep: keptFlags,
    log,
    onFlags: ({ options, queried }, errors) => {
      useNews({ osqueryOptions: options, queried }, errors);
      configureStore();
    },
    onWorker: (worker) => store.readBy(worker),
  });
  const known = configuration.known.then(() => {
    isKnown = true;
    configureStore();
  });
  const configureStore = (): void => {
    if (isKnown) store.configure(storeSettings(settings.values, configuration.database));
  };
  const names = new UserNames();
  await names.start();
  const recorder = new Recorder({
    values: settings.values,
    store,
    log,
    names,
    onPublished: (event) => metrics?.published(event),
    otherProblems: () => [
      ...(isKnown ? [] : [AWAITED]),
      ...settings.problems,
      ...(metrics?.problems ?? []),
      ...descriptorProblems(),
    ],
    flagsKnown: known,
    answerBytes: () => running.counts.answerBytes,
  });
  const useNews = (...news: Parameters<LiveSettings['update']>): void => {
    const { changed, refused } = settings.update(...news);
    for (const message of refused) {
      log.error(settings.isUnsafe(message) ? message : `${message}; the running value stays`);
    }
    if (changed.length === 0) return;
    const { values } = settings;
    log.info({ changed: Object.fromEntries(changed.map((name) => [name, values[name]])) }, 'flags have changed');
    if (!commandLine.verbose) log.level = values.process_ancestry_log_level;
    void recorder.configure(values, changed.some(needsRestart));
    metrics?.configure(values);
  };

  const readable = async (): Promise<void> => {
    await Promise.all([recorder.readable, known]);
    await recorder.drain();
  };
  const resultMaxBytes = () => settings.values.process_ancestry_result_max_bytes;
  const ecsVocabulary = () => settings.values.process_ancestry_ecs_actions;
  const plugins = [
    processAncestryEvents({ store, readable, resultMaxBytes, ecsVocabulary }),
    processAncestry(() => recorder.processes, readable, store),
    processAncestryTree(() => recorder.processes, readable),
    processAncestrySubscribers(store),
    processAncestryCacheStats(() => recorder.stats()),
    processAncestryAllow(() => parseAllowRules(settings.values.process_ancestry_allow)),
  ];
  const intervalsALook = Math.max(
    1,
    Math.min(INTERVALS_A_LOOK, Math.floor(LOOK_SECONDS / commandLine.intervalSeconds)),
  );
  let intervals = 0;
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
    resultMaxBytes: { name: 'process_ancestry_result_max_bytes', bytes: resultMaxBytes },
    ...(connections === undefined ? {} : { limits: { connections } }),
    onRegistered: () => void configuration.registered(),
    onSeen: () => {
      store.confirm();
      if (++intervals % intervalsALook !== 0) return;
      for (const { code, message } of descriptorProblems()) {
        logLimit.pass(code, (suppressed) => log.warn({ code, suppressed }, message));
      }
      void configuration.look();
    },
    onAnswer: (report) => metrics?.answered(report),
  });
  metrics = new Metrics({
    values: settings.values,
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
    // `on`, not `once`: a second signal, which service managers may send, must not interrupt the shutdown.
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
    configuration.stop();
    metrics.close();
    recorder.stop();
    store.close();
  }
}

function descriptorProblems(): CollectorProblem[] {
  const descriptors = readDescriptors();
  return (descriptors && [descriptorProblem(descriptors)].filter((problem) => problem !== undefined)) ?? [];
}

function needsRestart(name: keyof FlagValues): boolean {
  return name === 'process_ancestry_enable' || 'atStartOnly' in flags[name];
}

/** On an uncaught error: restores audit and writes the remaining rows before the process exits. */
function leaveAllAsItShouldBeOnBug(recorder: Recorder, store: EventStore, metrics: Metrics, log: Logger): void {
  const die = (error: unknown): void => {
    log.fatal({ err: error }, 'internal error: please report this bug');
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
