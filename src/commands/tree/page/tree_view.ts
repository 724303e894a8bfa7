/** The tree. Only visible rows have elements, to support large trees. */

import type { LocalTimes } from '../clock_text.ts';
import { hasFailed, imageName, lastImage, type TreeImage } from '../document.ts';
import { stateText } from '../state_text.ts';
import { byId, element, marked } from './element.ts';
import { CONTEXT, type Filtered } from './filter.ts';
import type { Model } from './model.ts';
import type { VisibleRows } from './visible_rows.ts';

const ROW_HEIGHT = 26;
/** Number of extra rows above and below the visible area. */
const SPARE_ROWS = 12;
const INDENT = 16;
/** Deeper levels are not indented further. */
const DEEPEST = 28;
/** Maximum number of printed rows. */
const PRINTED_ROWS = 10_000;
/** Maximum length of a command line in a row. The details show all of it. */
const SHOWN_CHARACTERS = 400;

interface Shown {
  readonly rows: VisibleRows;
  readonly filtered: Filtered;
  readonly words: readonly string[];
  readonly selected: number;
  readonly isFolded: (index: number) => boolean;
}

interface TreeViewEvents {
  onSelect(index: number): void;
  onToggle(index: number): void;
}

export class TreeView {
  readonly #model: Model;
  readonly #times: LocalTimes;
  readonly #events: TreeViewEvents;
  readonly #scroller = byId('tree', HTMLDivElement);
  readonly #rows = byId('rows', HTMLDivElement);
  #shown: Shown | undefined;
  #frame = 0;
  #printing = false;

  constructor(model: Model, times: LocalTimes, events: TreeViewEvents) {
    this.#model = model;
    this.#times = times;
    this.#events = events;
    const longest = model.processes.reduce((most, one) => Math.max(most, times.short(one.start_time).length), 0);
    // Digits are 0.6 em wide, or less.
    byId('middle', HTMLElement).style.setProperty('--started', `${Math.max(62, Math.ceil(longest * 7.4))}px`);
    this.#scroller.addEventListener('scroll', () => this.#schedule(), { passive: true });
    new ResizeObserver(() => this.#schedule()).observe(this.#scroller);
    this.#rows.addEventListener('click', (event) => this.#clicked(event));
    addEventListener('beforeprint', () => this.#print(true));
    addEventListener('afterprint', () => this.#print(false));
  }

  /** Number of visible rows. */
  get page(): number {
    return Math.max(1, Math.floor(this.#scroller.clientHeight / ROW_HEIGHT) - 1);
  }

  focus(): void {
    this.#scroller.focus({ preventScroll: true });
  }

  show(shown: Shown): void {
    this.#shown = shown;
    this.#render();
  }

  /** Scrolls to a process, if it has a row. */
  reveal(index: number, where: 'nearest' | 'middle' = 'nearest'): void {
    const at = this.#shown?.rows.rows.indexOf(index) ?? -1;
    if (at < 0) return;
    const { scrollTop, clientHeight } = this.#scroller;
    const top = at * ROW_HEIGHT;
    if (top >= scrollTop && top + ROW_HEIGHT <= scrollTop + clientHeight) return;
    const middle = top - clientHeight / 2 + ROW_HEIGHT;
    const edge = top < scrollTop ? top : top + ROW_HEIGHT - clientHeight;
    this.#scroller.scrollTop = where === 'middle' ? middle : edge;
    this.#render();
  }

  #clicked(event: MouseEvent): void {
    const target = event.target instanceof Element ? event.target : undefined;
    const row = target?.closest<HTMLElement>('[data-index]');
    if (!row) return;
    const index = Number(row.dataset.index);
    if (target?.closest('.toggle')) this.#events.onToggle(index);
    else this.#events.onSelect(index);
  }

  #print(isPrinting: boolean): void {
    this.#printing = isPrinting;
    this.#render();
  }

  #schedule(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#render();
    });
  }

  #render(): void {
    const shown = this.#shown;
    if (!shown) return;
    const { rows } = shown.rows;
    const { scrollTop, clientHeight } = this.#scroller;
    const first = this.#printing ? 0 : Math.max(0, Math.floor(scrollTop / ROW_HEIGHT) - SPARE_ROWS);
    const last = this.#printing
      ? Math.min(rows.length, PRINTED_ROWS)
      : Math.min(rows.length, Math.ceil((scrollTop + clientHeight) / ROW_HEIGHT) + SPARE_ROWS);
    this.#rows.style.height = this.#printing ? '' : `${rows.length * ROW_HEIGHT}px`;
    const made = document.createDocumentFragment();
    for (let at = first; at < last; at++) {
      const index = rows[at];
      if (index !== undefined) made.append(this.#row(index, at, shown));
    }
    this.#rows.replaceChildren(made);
    const isThere = shown.selected >= 0 && document.getElementById(`row-${shown.selected}`) !== null;
    if (isThere) this.#scroller.setAttribute('aria-activedescendant', `row-${shown.selected}`);
    else this.#scroller.removeAttribute('aria-activedescendant');
  }

  #row(index: number, at: number, { rows, filtered, words, selected, isFolded }: Shown): HTMLElement {
    const process = this.#model.processes[index];
    if (!process) throw new Error(`no process ${index}`);
    const isParent = (rows.children[index] ?? 0) > 0;
    const folded = isParent && isFolded(index);
    const image = lastImage(process);

    const toggle = element('span', isParent ? (folded ? 'toggle folded' : 'toggle') : 'toggle none');
    const command = element('span', 'command');
    for (const before of process.images.slice(0, -1)) {
      command.append(element('span', 'before', ...marked(imageName(before), words)), element('span', 'became', ' → '));
    }
    if (image.inherited) command.append(element('span', 'forked', 'forked'), ' ');
    command.append(element('b', '', ...marked(imageName(image), words)));
    const all = shownArgs(image).join(' ').trimEnd();
    const args = all.length > SHOWN_CHARACTERS ? `${all.slice(0, SHOWN_CHARACTERS)}…` : all;
    if (args !== '') command.append(' ', element('span', 'args', ...marked(args, words)));
    if (folded) command.append(element('span', 'below', `+${this.#model.endOf(index) - index - 1}`));

    const cell = element('span', 'tree-cell', toggle, command);
    const indent = Math.min(process.depth, DEEPEST) * INDENT;
    cell.style.paddingLeft = `${indent + 6}px`;
    cell.style.backgroundSize = `${indent}px 100%`;

    const row = element(
      'div',
      'row',
      cell,
      element('span', 'pid', ...marked(String(process.pid), words)),
      element('span', 'user', ...marked(process.user, words)),
      element('span', 'started', this.#times.short(process.start_time)),
      stateElement(process),
    );
    row.id = `row-${index}`;
    row.dataset.index = String(index);
    if (!this.#printing) row.style.transform = `translateY(${at * ROW_HEIGHT}px)`;
    row.classList.toggle('dead', process.state === 'exited');
    row.classList.toggle('context', filtered.kept?.[index] === CONTEXT);
    row.setAttribute('role', 'treeitem');
    row.setAttribute('aria-level', String(process.depth + 1));
    row.setAttribute('aria-posinset', String(rows.places[index]));
    const parent = this.#model.parentOf(index);
    row.setAttribute('aria-setsize', String(rows.children[parent < 0 ? this.#model.count : parent]));
    row.setAttribute('aria-selected', String(index === selected));
    if (isParent) row.setAttribute('aria-expanded', String(!folded));
    return row;
  }
}

/** Arguments without the first one, if it is the program's name. */
function shownArgs(image: TreeImage): readonly string[] {
  const [first = ''] = image.args;
  return first === image.path || first === imageName(image) ? image.args.slice(1) : image.args;
}

/** States differ by sign and text, not only by colour. */
export function stateElement(process: Parameters<typeof stateText>[0]): HTMLElement {
  const text = stateText(process);
  const kind = hasFailed(process) ? 'failed' : process.state;
  const sign = { failed: '✕', running: '●', exited: '○', unknown: '' }[kind];
  const made = element('span', `state ${kind}`);
  if (text !== '') made.append(element('i', '', sign), text);
  return made;
}
