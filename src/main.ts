/** process_ancestry.ext: parses the command line and runs the command. */

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { isSea } from 'node:sea';
import { fileURLToPath } from 'node:url';
import { loadNative, NativeUnavailableError } from './collect/native.ts';
import { isFifo, SAMPLE_LOG, whyUnreadable } from './collect/replay.ts';
import { cleanUp } from './commands/cleanup/cleanup.ts';
import { FAILED, USAGE } from './commands/command_status.ts';
import { diagnose } from './commands/doctor/doctor.ts';
import { exitCode } from './commands/doctor/finding.ts';
import { asJson, asText } from './commands/doctor/report.ts';
import { ThisHost } from './commands/doctor/this_host.ts';
import { QUERY_PROCESS } from './commands/shell/query_channel.ts';
import { serveQueries } from './commands/shell/query_server.ts';
import { runShell } from './commands/shell/shell.ts';
import { tree } from './commands/tree/command.ts';
import { RecordedLog } from './commands/tree/recorded_log.ts';
import { type CommandLine, helpText, parseCommandLine } from './config/command_line.ts';
import { readConfigFile } from './config/config_file.ts';
import { FlagError, type FlagValues } from './config/flags.ts';
import { resolveFlags } from './config/settings.ts';
import { osquerySocket } from './extension/osquery_socket.ts';
import { OSQUERY_DATABASE } from './extension/osquery_state.ts';
import { runExtension } from './extension/run_extension.ts';
import { parseRedactPatterns } from './process/redact.ts';
import { makeLogger } from './program/log.ts';
import { VERSION } from './program/version.ts';
import { storeSettings } from './recording/store_settings.ts';
import { escapeTerminal } from './text/terminal_escape.ts';

async function main(): Promise<number> {
  if (process.argv[2] === QUERY_PROCESS && process.connected) return serveQueries();
  let commandLine: CommandLine;
  try {
    commandLine = parseCommandLine(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    process.stderr.write(`process_ancestry: ${error.message}\n`);
    return USAGE;
  }
  // The reader closed the pipe: not an error.
  process.stdout.on('error', () => undefined);
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
    case 'sigma': {
      // Imported here: its YAML library would take 9 MB of every extension.
      const { sigma } = await import('./commands/sigma/command.ts');
      return sigma({ ...commandLine.sigma, output: process.stdout, error: process.stderr });
    }
    case 'extension':
      return runExtension(commandLine);
  }
}

/** The command that starts this program again, and the file that osquery loads. */
function itself(): { command: string[]; executable: string } {
  // The single executable contains its Node options; it would parse process.execArgv as its own flags.
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
  // npm changes to the project's directory; INIT_CWD is the caller's.
  if (replayed && replayed !== SAMPLE_LOG)
    given.set('process_ancestry_replay_file', resolve(process.env.INIT_CWD ?? '', replayed));
  if (replayed && !given.has('process_ancestry_collector')) given.set('process_ancestry_collector', 'replay');
  const passedOn = [...given].flatMap(([name, value]) => [`--${name}`, value]);
  if (commandLine.verbose) passedOn.push('--verbose');
  if (commandLine.configFile) passedOn.push('--config_file', commandLine.configFile);
  // Reported before the prompt opens, with an exit status for scripts.
  const { values } = resolvedFlags({ ...commandLine, flags: given });
  const log = values.process_ancestry_collector === 'replay' ? values.process_ancestry_replay_file : '';
  const unreadable = log === '' ? undefined : await whyUnreadable(loadNative(), log);
  if (unreadable !== undefined) {
    process.stderr.write(`process_ancestry: ${escapeTerminal(unreadable)}\n`);
    return FAILED;
  }
  // A FIFO can be read only once, so only the built-in shell can replay it.
  const embedded = commandLine.embedded || (log !== '' && isFifo(log));
  const { sql, output } = commandLine;
  const { command, executable } = itself();
  return runShell({
    extensionCommand: command,
    queryCommand: [...command, QUERY_PROCESS],
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
      ...(embedded ? ['--embedded'] : []),
    ],
    mode: output,
    ...(sql === undefined ? {} : { sql }),
  });
}

/** The flags in force without the options of osquery. */
function resolvedFlags({ configFile, flags: given }: CommandLine): { values: FlagValues; errors: readonly string[] } {
  const osqueryOptions = new Map<string, string>();
  const { content: file, error: fileError } = readConfigFile(configFile);
  const { values, errors } = resolveFlags({
    ...{ commandLine: given, environment: process.env, osqueryOptions, file, fileError },
  });
  const unused = fileError === undefined ? [] : [`${fileError}; it is not used`];
  return { values, errors: [...unused, ...errors.map(({ message }) => message)] };
}

/** The same; errors are printed. */
function flagsWithoutOsquery(commandLine: CommandLine): FlagValues {
  const { values, errors } = resolvedFlags(commandLine);
  for (const message of errors) process.stderr.write(`process_ancestry: ${message}\n`);
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
    socketPath: await socketOf(commandLine),
    databasePath: (osqueryDatabase) => storeSettings(values, osqueryDatabase ?? OSQUERY_DATABASE).directory,
  });
  const diagnoses = await diagnose(host);
  const colour = process.stdout.isTTY && !process.env.NO_COLOR;
  process.stdout.write(commandLine.output === 'json' ? asJson(diagnoses) : asText(diagnoses, colour));
  return exitCode(diagnoses);
}

async function familyTree(commandLine: CommandLine): Promise<number> {
  const values = flagsWithoutOsquery(commandLine);
  // Only a log on the command line is drawn: the extension replays a configured one.
  const named = commandLine.flags.get('process_ancestry_replay_file');
  const replayed = !named || named === SAMPLE_LOG ? named : resolve(named);
  const log = makeLogger(commandLine.verbose ? 'debug' : 'warn', values.process_ancestry_log_format);
  return tree({
    ...commandLine.tree,
    version: VERSION,
    socketPath: await socketOf(commandLine),
    log: replayed ? { file: replayed, read: () => RecordedLog.read(replayed, values, log) } : undefined,
    redactPatterns: parseRedactPatterns(values.process_ancestry_redact),
    env: process.env,
    output: process.stdout,
    error: process.stderr,
  });
}

async function socketOf({ socket }: CommandLine): Promise<string> {
  return resolve(socket ?? (await osquerySocket()));
}

/** The exit status when the native collector cannot be loaded. Any other error is a bug, and is thrown. */
function failed(error: unknown): number {
  if (!(error instanceof NativeUnavailableError)) throw error;
  process.stderr.write(`process_ancestry: ${error.message} (process_ancestry doctor says how to fix it)\n`);
  return FAILED;
}

/** Exits after standard output is flushed: process.exit discards what a pipe's reader has not read. */
function end(status: number): void {
  process.stdout.write('', () => process.exit(status));
}

// No top-level await: the single executable runs a CommonJS module.
void main().then(end, (error: unknown) => end(failed(error)));
