/** Draws the tree as text: columns on the left, then tree lines and the command line. */
import { escapeTerminal, graphemes, width } from '../../text/terminal_escape.ts';
import type { LocalTimes } from './clock_text.ts';
import { hasFailed, imageName, lastImage, type TreeDocument, type TreeProcess, type TreeSession } from './document.ts';
import { sessionText } from './session_text.ts';
import { stateText } from './state_text.ts';
import { inLineStyle, type TreeLineStyle } from './tree_line_style.ts';

export interface DrawingOptions {
  readonly lineStyle: TreeLineStyle;
  readonly times: LocalTimes;
  /** Width of the terminal, to which lines are truncated; undefined: no truncation. */
  readonly columns: number | undefined;
  readonly colour: boolean;
  /** Selected processes, which are marked. */
  readonly marked: ReadonlySet<string>;
  /** Number of levels below the top, or below a marked process. */
  readonly depth: number;
  /** Whether kernel threads are drawn. */
  readonly kernelThreads: boolean;
}

/** SGR parameters (ECMA-48, 8.3.117). */
const BOLD = '1';
const DIM = '2';
const RED = '31';
const GREEN = '32';
const CYAN = '36';

/** Maximum share of tree lines in the width. */
const LINES_SHARE = 0.4;

/** A line of a block of the forest. */
interface Line {
  readonly process: TreeProcess;
  /** Tree lines before it. */
  readonly lines: string;
  /** Number of descendants that are not drawn. */
  readonly hidden: number;
  /** A session that begins with this process and is drawn elsewhere. */
  readonly apart: string | undefined;
}

/** Text instead of the command, for a process that is drawn in another session. */
type Apart = (process: TreeProcess, parent: TreeProcess | undefined) => string | undefined;

export function draw(document: TreeDocument, options: DrawingOptions): string {
  const { lineStyle } = options;
  const blocks = blocksOf(document, options);
  const all = blocks.flatMap(({ lines }) => lines);
  const layout = layoutOf(all, options);
  const text: string[] = [];
  if (all.length > 0) text.push(paint(layout.header, BOLD, options));
  for (const [at, { title, lines }] of blocks.entries()) {
    if (title !== undefined) {
      if (at > 0) text.push('');
      text.push(paint(cut(`${lineStyle.rule} ${title}`, options), CYAN, options));
    }
    for (const line of lines) text.push(lineText(line, layout, options));
  }
  return text.map((line) => `${line}\n`).join('');
}

interface Block {
  readonly title: string | undefined;
  readonly lines: readonly Line[];
}

/** Blocks without a selection: first the tree of the host, then each session from outside. */
function blocksOf(document: TreeDocument, options: DrawingOptions): readonly Block[] {
  const { processes, sessions } = document;
  if (options.marked.size > 0) return [{ title: undefined, lines: linesOf(processes, () => undefined, options) }];
  const blockOf = sessions.map(({ kind }, at) => (isOfTheHost(kind) ? HOST : at));
  const apart: Apart = (process, parent) => {
    const session = sessions[process.session];
    const block = blockOf[process.session];
    if (!session || !parent || block === blockOf[parent.session]) return undefined;
    return `${sessionText(session, options.times)}: ${counts(session)}, below`;
  };
  const treeOf = (block: number) => linesOf(blockTree(processes, block, blockOf), apart, options);
  const blocks = sessions.flatMap((session, at): Block[] => {
    if (blockOf[at] !== at) return [];
    if (session.kind === 'kthread' && !options.kernelThreads) {
      return [{ title: `${session.processes} kernel threads (--all draws them)`, lines: [] }];
    }
    return [
      {
        title: `${sessionText(session, options.times)} ${options.lineStyle.dot} ${counts(session)}`,
        lines: treeOf(at),
      },
    ];
  });
  return [{ title: undefined, lines: treeOf(HOST) }, ...blocks];
}

const HOST = -1;

function isOfTheHost(kind: TreeSession['kind']): boolean {
  return kind === 'init' || kind === 'service' || kind === 'unknown';
}

/** Processes of a block, and the first processes of blocks below it. */
function blockTree(
  processes: readonly TreeProcess[],
  block: number,
  blockOf: readonly number[],
): readonly TreeProcess[] {
  const above: TreeProcess[] = [];
  return processes.filter((process) => {
    above.length = process.depth;
    const parent = above.at(-1);
    above.push(process);
    return blockOf[process.session] === block || (parent !== undefined && blockOf[parent.session] === block);
  });
}

function counts({ processes, failed, running }: TreeSession): string {
  const parts = [`${processes} ${processes === 1 ? 'process' : 'processes'}`];
  if (running > 0 && running < processes) parts.push(`${running} running`);
  if (failed > 0) parts.push(`${failed} failed`);
  return parts.join(', ');
}

/** Tree lines of a forest in preorder, which may start at any level. */
function linesOf(
  processes: readonly TreeProcess[],
  apart: Apart,
  { lineStyle, depth, marked }: DrawingOptions,
): readonly Line[] {
  const isLast = lastSiblings(processes);
  const lines: Line[] = [];
  /** Ancestors, with the continuation of their tree lines, and whether they are selected or below a selected process. */
  const above: { process: TreeProcess; continues: string; level: number; isBelow: boolean }[] = [];
  let hidden = 0;
  const tellHidden = () => {
    const under = lines.at(-1);
    if (under && hidden > 0) lines[lines.length - 1] = { ...under, hidden };
    hidden = 0;
  };
  for (const [at, process] of processes.entries()) {
    while ((above.at(-1)?.process.depth ?? -1) >= process.depth) above.pop();
    const parent = above.at(-1);
    const isTop = parent === undefined;
    // Ancestors of the selected process are drawn at any depth.
    const isCounted = marked.size === 0 || parent?.isBelow === true;
    const level = isCounted && parent ? parent.level + 1 : 0;
    const own = isTop ? '' : isLast[at] ? lineStyle.last : lineStyle.branch;
    const continues = isTop ? '' : `${parent.continues}${isLast[at] ? lineStyle.empty : lineStyle.through}`;
    const isBelow = parent?.isBelow === true || marked.has(process.entity_id);
    above.push({ process, continues, level, isBelow });
    if (level > depth) {
      hidden++;
      continue;
    }
    tellHidden();
    const drawn = isTop ? '' : `${parent.continues}${own}`;
    lines.push({ process, lines: drawn, hidden: 0, apart: apart(process, parent?.process) });
  }
  tellHidden();
  return lines;
}

/** For each process, whether it is the last child of its parent. */
function lastSiblings(processes: readonly TreeProcess[]): readonly boolean[] {
  const isLast: boolean[] = new Array(processes.length).fill(false);
  /** By depth, whether a later sibling was found. */
  const later: boolean[] = [];
  for (let at = processes.length - 1; at >= 0; at--) {
    const depth = processes[at]?.depth ?? 0;
    isLast[at] = !later[depth];
    later.length = depth + 1;
    later[depth] = true;
  }
  return isLast;
}

interface Layout {
  readonly header: string;
  readonly pid: number;
  /** 0: column omitted. */
  readonly user: number;
  readonly started: number;
  readonly state: number;
}

const LONGEST_USER = 16;
/** On a narrow terminal the columns for time and user are omitted in favour of the command. */
const LEAST_COMMAND = 24;

function layoutOf(lines: readonly Line[], options: DrawingOptions): Layout {
  const widest = (title: string, of: (process: TreeProcess) => string, most = Number.POSITIVE_INFINITY) =>
    Math.min(
      most,
      lines.reduce((least, { process }) => Math.max(least, width(of(process))), title.length),
    );
  const startedTitle = `STARTED (${options.times.title})`;
  const started = widest('', ({ start_time }) => options.times.short(start_time));
  const layout = {
    pid: widest('PID', ({ pid }) => String(pid)),
    user: widest('USER', (process) => shown(process.user, options), LONGEST_USER),
    started: Math.max(started, startedTitle.length),
    state: widest('STATE', stateText),
  };
  const mark = ' '.repeat(markWidth(options));
  const room = () => (options.columns ?? Number.POSITIVE_INFINITY) - mark.length - usedBy(layout);
  if (room() < LEAST_COMMAND) layout.started = 0;
  if (room() < LEAST_COMMAND) layout.user = 0;
  const titles = [
    `${mark}${'PID'.padStart(layout.pid)}`,
    ...(layout.user > 0 ? ['USER'.padEnd(layout.user)] : []),
    ...(layout.started > 0 ? [startedTitle.padEnd(layout.started)] : []),
    'STATE'.padEnd(layout.state),
    'COMMAND',
  ];
  return { ...layout, header: cut(titles.join(' '), options) };
}

/** Width of the columns before the command, each with a trailing space. */
function usedBy({ pid, user, started, state }: Omit<Layout, 'header'>): number {
  return [pid, user, started, state].reduce((sum, width) => sum + (width > 0 ? width + 1 : 0), 0);
}

function markWidth({ marked, lineStyle }: DrawingOptions): number {
  return marked.size === 0 ? 0 : lineStyle.mark.length;
}

function lineText({ process, lines, hidden, apart }: Line, layout: Layout, options: DrawingOptions): string {
  const { lineStyle, times, marked, columns } = options;
  const isMarked = marked.has(process.entity_id);
  const mark = isMarked ? lineStyle.mark : ' '.repeat(markWidth(options));
  const left = [
    `${mark}${String(process.pid).padStart(layout.pid)}`,
    ...(layout.user > 0 ? [fill(shown(process.user, options), layout.user, lineStyle)] : []),
    ...(layout.started > 0 ? [fill(times.short(process.start_time), layout.started, lineStyle)] : []),
  ].join(' ');
  const stateColumn = fill(stateText(process), layout.state, lineStyle);
  const before = `${left} ${stateColumn} `;
  const room = columns === undefined ? Number.POSITIVE_INFINITY : columns - width(before);
  const drawn = shortLines(lines, room, lineStyle);
  const more = hidden === 0 ? '' : `  (${hidden} more below)`;
  const command = apart ?? `${commandText(process, options)}${more}`;
  const rest = cutTo(shown(command, options), room - width(drawn), lineStyle);
  const isDead = process.state === 'exited';
  const stateColour = hasFailed(process) ? RED : process.state === 'running' ? GREEN : DIM;
  const body = isMarked ? paint(rest, BOLD, options) : isDead ? paint(rest, DIM, options) : rest;
  const line = `${left} ${paint(stateColumn, stateColour, options)} ${paint(drawn, DIM, options)}${body}`;
  // On a very narrow terminal there is no room for the command or for colours.
  return room <= 0 ? cut(before, options) : line.trimEnd();
}

/** `bash → sudo → sh -c id`: earlier images by name, the current one with arguments. */
function commandText(process: TreeProcess, { lineStyle }: DrawingOptions): string {
  const image = lastImage(process);
  const before = process.images.slice(0, -1).map((one) => `${imageName(one)}${lineStyle.became}`);
  // Programs that overwrite their arguments (setproctitle) leave trailing spaces.
  const command = image.args.join(' ').trimEnd() || image.path || '?';
  const inherited = image.inherited ? '(forked) ' : '';
  return `${before.join('')}${inherited}${command}`;
}

/** Shortens the tree lines of a deep tree, to leave room for the command. */
function shortLines(lines: string, room: number, lineStyle: TreeLineStyle): string {
  const most = Math.max(6, Math.floor(room * LINES_SHARE));
  if (lines.length <= most) return lines;
  return `${lineStyle.cut}${lines.slice(lines.length - most + lineStyle.cut.length)}`;
}

/** Escapes untrusted text for the terminal. */
function shown(text: string, { lineStyle }: DrawingOptions): string {
  return inLineStyle(escapeTerminal(text), lineStyle);
}

function cut(text: string, { columns, lineStyle }: DrawingOptions): string {
  return cutTo(inLineStyle(escapeTerminal(text), lineStyle), columns ?? Number.POSITIVE_INFINITY, lineStyle);
}

/** Truncates text to a width in terminal columns. */
export function cutTo(text: string, columns: number, lineStyle: Pick<TreeLineStyle, 'cut'>): string {
  if (columns === Number.POSITIVE_INFINITY) return text;
  if (columns <= 0) return '';
  // The text cannot be wider than this, so the rest need not be measured.
  const head = text.length > columns * 16 ? text.slice(0, columns * 16) : text;
  if (head.length === text.length && width(text) <= columns) return text;
  let kept = '';
  let left = columns - lineStyle.cut.length;
  for (const { segment } of graphemes.segment(head)) {
    left -= width(segment);
    if (left < 0) break;
    kept += segment;
  }
  return `${kept}${lineStyle.cut.slice(0, columns)}`;
}

function fill(text: string, columns: number, lineStyle: TreeLineStyle): string {
  const short = cutTo(text, columns, lineStyle);
  return short + ' '.repeat(Math.max(0, columns - width(short)));
}

function paint(text: string, sgr: string, { colour }: Pick<DrawingOptions, 'colour'>): string {
  return colour && text.trim() !== '' ? `\x1b[${sgr}m${text}\x1b[0m` : text;
}
