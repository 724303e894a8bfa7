/** The command `tree`: reads rows from the extension, a log or /proc, and draws, prints or writes the tree. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { TreeOptions } from '../../config/tree_options.ts';
import { UserNames } from '../../linux/user_names.ts';
import type { RedactPattern } from '../../process/redact_pattern.ts';
import { messageOf } from '../../text/error_message.ts';
import { escapeTerminal, escapeTerminalJson } from '../../text/terminal_escape.ts';
import { FAILED, USAGE } from '../command_status.ts';
import { localTimes, sinceTime } from './clock_text.ts';
import type { TreeDocument } from './document.ts';
import { draw } from './drawing.ts';
import { fetchRows } from './fetch_rows.ts';
import { type ForestProcess, forestOf } from './forest.ts';
import { pageOf, writePage } from './page_file.ts';
import { procfsSnapshot } from './procfs_snapshot.ts';
import type { RecordedLog } from './recorded_log.ts';
import { extensionSocket } from './running_extension.ts';
import { aroundAny, named, ranSince } from './selection.ts';
import { withSessions } from './sessions.ts';
import { SocketTables, type TableReader } from './table_reader.ts';
import { treeLineStyleOf } from './tree_line_style.ts';

interface TreeCommand extends TreeOptions {
  readonly version: string;
  /** osquery's extension socket. */
  readonly socketPath: string;
  /** A recorded log, read instead of osquery. */
  readonly log: { readonly file: string; readonly read: () => Promise<RecordedLog> } | undefined;
  /** Redaction of arguments, when /proc is drawn. */
  readonly redactPatterns?: readonly RedactPattern[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly output: NodeJS.WriteStream;
  readonly error: NodeJS.WritableStream;
}

interface Source {
  readonly tables: TableReader;
  readonly kind: TreeDocument['source'];
  readonly name: string;
  readonly close: () => void;
}

/** Returns the exit status. */
export async function tree(command: TreeCommand): Promise<number> {
  const say = (message: string) => command.error.write(`process_ancestry: ${escapeTerminal(message)}\n`);
  const taken = Math.floor(Date.now() / 1000);
  const since = command.since === undefined ? undefined : sinceTime(command.since, taken);
  if (command.since !== undefined && since === undefined) {
    say(
      `--since=${JSON.stringify(command.since)} is not a time: use 30s, 15m, 2h, 3d or a date such as 2026-11-20T10:00`,
    );
    return USAGE;
  }
  let source: Source;
  try {
    source = await sourceOf(command, say);
  } catch (error) {
    say(messageOf(error));
    return FAILED;
  }
  try {
    const names = new UserNames();
    await names.check();
    // Uids of a recorded log belong to another host; only root is the same.
    const userName = (uid: number) =>
      (source.kind === 'log' ? (uid === 0 ? 'root' : undefined) : names.user(uid)) ?? String(uid);
    const unlessEnded = source.kind === 'log' ? 'unknown' : 'running';
    const all = forestOf(await fetchRows(source.tables, since), { unlessEnded, userName });
    if (all.length === 0) say(`${source.name} contains no process`);
    const asked = command.process === undefined ? undefined : named(all, command.process);
    if (asked?.length === 0) {
      say(`no process ${command.process} in ${source.name}: it never existed, or is no longer in the cache`);
      return FAILED;
    }
    if (asked && asked.length > 1) {
      say(`${command.process} was the pid of ${asked.length} processes in turn: all of them are drawn and marked`);
    }
    const marked = new Set(asked?.map(({ entity_id }) => entity_id));
    const chosen = choose(all, asked && marked, since);
    const document: TreeDocument = {
      format: 1,
      version: command.version,
      host: source.kind === 'log' ? '' : hostname(),
      boot_time: source.kind === 'log' ? null : bootTime(),
      taken_time: taken,
      source: source.kind,
      source_name: source.name,
      ...withSessions(chosen, userName),
    };
    return await show(document, marked, command, say);
  } catch (error) {
    say(messageOf(error));
    return FAILED;
  } finally {
    source.close();
  }
}

function choose(
  all: readonly ForestProcess[],
  marked: ReadonlySet<string> | undefined,
  since: number | undefined,
): readonly ForestProcess[] {
  const around = marked ? aroundAny(all, ({ entity_id }) => marked.has(entity_id), true) : all;
  if (since === undefined) return around;
  return aroundAny(around, (process) => marked?.has(process.entity_id) || ranSince(process, since), false);
}

async function sourceOf(command: TreeCommand, say: (message: string) => void): Promise<Source> {
  const { log, socketPath } = command;
  if (log) {
    const read = await log.read();
    return { tables: read.tables, kind: 'log', name: log.file, close: () => read.close() };
  }
  const close = () => undefined;
  try {
    const path = await extensionSocket(socketPath);
    return { tables: new SocketTables(path), kind: 'extension', name: path, close };
  } catch (error) {
    const message = messageOf(error);
    const advice = /\b(EACCES|EPERM)\b/.test(message)
      ? 'Only root can query osquery: run this as root'
      : 'Start osquery with the extension, set its socket with --socket, or run "process_ancestry.ext doctor"';
    say(`${message}. The tree shows /proc instead: only running processes, without history. ${advice}`);
    return { tables: procfsSnapshot(command.redactPatterns), kind: 'proc', name: '/proc', close };
  }
}

async function show(
  document: TreeDocument,
  marked: ReadonlySet<string>,
  command: TreeCommand,
  say: (message: string) => void,
): Promise<number> {
  const { output, env } = command;
  const selected = [...marked].at(-1) ?? '';
  if (command.htmlFile === '-') {
    await print(pageOf(document, selected), output);
    return 0;
  }
  if (command.htmlFile !== undefined) {
    const bytes = await writePage(command.htmlFile, document, selected);
    say(
      `${command.htmlFile}: ${document.processes.length} processes, ${Math.ceil(bytes / 1024)} KiB, readable only by its owner`,
    );
    return 0;
  }
  const text = command.json
    ? `${escapeTerminalJson(JSON.stringify(document, undefined, 1))}\n`
    : draw(document, {
        lineStyle: treeLineStyleOf(env),
        times: localTimes(document.taken_time, document.source === 'log' ? { day: newestTime(document) } : {}),
        columns: output.isTTY ? Math.max(1, output.columns || 80) : undefined,
        colour: output.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb',
        marked,
        depth: command.depth,
        kernelThreads: command.kernelThreads,
      });
  await print(text, output);
  return 0;
}

async function print(text: string, output: NodeJS.WriteStream): Promise<void> {
  const failure = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    output.once('error', resolve);
    output.write(text, (error) => resolve(error ?? undefined));
  });
  // A closed pipe is not an error; a full disk is.
  if (failure && failure.code !== 'EPIPE') throw failure;
}

function newestTime({ sessions, taken_time }: TreeDocument): number {
  return sessions.reduce<number | null>((most, { to_time }) => Math.max(most ?? 0, to_time ?? 0), null) || taken_time;
}

/** Unix seconds (man 5 proc, btime). */
function bootTime(): number | null {
  try {
    return Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]) || null;
  } catch {
    return null;
  }
}
