/** The tree as lines of text: columns on the left, tree lines before each command line. */
import { escapeTerminal, graphemes, width } from '../../text/terminal_escape.ts';
import type { LocalTimes } from './clock_text.ts';
import { hasFailed, imageName, lastImage, type TreeDocument, type TreeProcess, type TreeSession } from './document.ts';
import { sessionText } from './session_text.ts';
import { stateText } from './state_text.ts';
import { inLineStyle, type TreeLineStyle } from './tree_line_style.ts';

export interface DrawingOptions {
  readonly lineStyle: TreeLineStyle;
  readonly times: LocalTimes;
  /** Columns of the terminal, to which lines are cut; undefined: whole lines. */
  readonly columns: number | undefined;
  readonly colour: boolean;
  /** The processes that were asked for: they are marked. */
  readonly marked: ReadonlySet<string>;
  /** Levels below the top, or below what is marked, that are drawn. */
  readonly depth: number;
  /** The kernel's own threads too. */
  readonly kernelThreads: boolean;
}

/** SGR parameters (ECMA-48, 8.3.117). */
const BOLD = '1';
const DIM = '2';
const RED = '31';
const GREEN = '32';
const CYAN = '36';

/** Tree lines take at most this share of the width. */
const LINES_SHARE = 0.4;

/** A line of the forest that is drawn in one piece. */
interface Line {
  readonly process: TreeProcess;
  /** Tree lines before it. */
  readonly lines: string;
  /** How many below it are not drawn. */
  readonly hidden: number;
  /** The session of its own that begins with it, and is drawn elsewhere. */
  readonly apart: string | undefined;
}

/** Tells of a process in the tree of another session what is to be said instead of its command. */
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

/** Without a mark: what came up with the host in one tree, and every session that came in from outside below it. */
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

/** The processes of a block, and those with which other blocks begin below them. */
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

/** Tree lines of a forest in preorder whose levels may begin anywhere. */
function linesOf(
  processes: readonly TreeProcess[],
  apart: Apart,
  { lineStyle, depth, marked }: DrawingOptions,
): readonly Line[] {
  const isLast = lastSiblings(processes);
  const lines: Line[] = [];
  /** Who is above, with what their tree lines continue as, and whether they are what was asked for or below it. */
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
    // What is above the process that was asked for is drawn whatever the depth.
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

/** For each whether no other child of its parent comes after it. */
function lastSiblings(processes: readonly TreeProcess[]): readonly boolean[] {
  const isLast: boolean[] = new Array(processes.length).fill(false);
  /** By depth, whether a later one of that depth was met under the same parent. */
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
  /** 0: left out, as the next. */
  readonly user: number;
  readonly started: number;
  readonly state: number;
}

const LONGEST_USER = 16;
/** A tree without its commands says nothing: on a narrow terminal they take the place of when and who. */
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

/** Of the columns before the command, each with a blank behind it. */
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
  // On a terminal that is narrower than the columns nothing is left of the command, nor of what was painted.
  return room <= 0 ? cut(before, options) : line.trimEnd();
}

/** `bash → sudo → sh -c id`: what it was before by name, what it is in full. */
function commandText(process: TreeProcess, { lineStyle }: DrawingOptions): string {
  const image = lastImage(process);
  const before = process.images.slice(0, -1).map((one) => `${imageName(one)}${lineStyle.became}`);
  // Who writes over its own arguments (setproctitle) leaves blanks where they were.
  const command = image.args.join(' ').trimEnd() || image.path || '?';
  const inherited = image.inherited ? '(forked) ' : '';
  return `${before.join('')}${inherited}${command}`;
}

/** Tree lines of a deep tree leave room for what they lead to. */
function shortLines(lines: string, room: number, lineStyle: TreeLineStyle): string {
  const most = Math.max(6, Math.floor(room * LINES_SHARE));
  if (lines.length <= most) return lines;
  return `${lineStyle.cut}${lines.slice(lines.length - most + lineStyle.cut.length)}`;
}

/** Nothing of what anybody wrote reaches the terminal as anything but text. */
function shown(text: string, { lineStyle }: DrawingOptions): string {
  return inLineStyle(escapeTerminal(text), lineStyle);
}

function cut(text: string, { columns, lineStyle }: DrawingOptions): string {
  return cutTo(inLineStyle(escapeTerminal(text), lineStyle), columns ?? Number.POSITIVE_INFINITY, lineStyle);
}

/** As much of it as so many columns of a terminal show. */
export function cutTo(text: string, columns: number, lineStyle: Pick<TreeLineStyle, 'cut'>): string {
  if (columns === Number.POSITIVE_INFINITY) return text;
  if (columns <= 0) return '';
  // Longer than it can be wide, and so not all to be measured.
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
