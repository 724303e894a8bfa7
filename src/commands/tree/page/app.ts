/** State of the page, and its changes. */
import { escapeTerminal } from '../../../text/terminal_escape.ts';
import { localTimes } from '../clock_text.ts';
import type { PageData } from '../page_text.ts';
import { DetailsView } from './details_view.ts';
import { byId, element, marked } from './element.ts';
import { type Filtered, filter, MATCH, wordsOf } from './filter.ts';
import { Folds } from './folds.ts';
import { showHelp } from './help.ts';
import { Model } from './model.ts';
import { type Move, moved } from './selection_moves.ts';
import { SessionsView } from './sessions_view.ts';
import { TimeView } from './time_view.ts';
import { TreeView } from './tree_view.ts';
import { EVERYTHING, hashOf, type Only, stateOf, type ViewState } from './view_state.ts';
import { type VisibleRows, visibleRows } from './visible_rows.ts';

const { tree, selected } = JSON.parse(byId('data', HTMLScriptElement).textContent ?? '') as PageData;
const model = new Model(tree);
const newest = model.sessions.reduce((most, { to_time }) => Math.max(most, to_time ?? 0), 0);
const times = localTimes(tree.taken_time, newest > 0 ? { day: newest } : {});
const folds = new Folds(model);

const ADDRESS_MS = 300;

let state: ViewState = location.hash === '' ? { ...EVERYTHING, selected } : stateOf(location.hash);
let filtered: Filtered = { kept: undefined, matches: model.count };
let addressTimer = 0;
let rows: VisibleRows = visibleRows(model, undefined, () => false);

const search = byId('search', HTMLInputElement);
const users = byId('user', HTMLSelectElement);
const clear = byId('clear', HTMLButtonElement);
const onlyButtons = [...document.querySelectorAll<HTMLButtonElement>('[data-only]')];

const select = (index: number) => {
  change({ selected: model.processes[index]?.entity_id ?? '' });
  treeView.reveal(index);
};
const treeView = new TreeView(model, times, {
  onSelect: select,
  onToggle: (index) => {
    folds.toggle(index);
    draw();
  },
});
const details = new DetailsView(model, times, {
  onSelect: (index) => {
    folds.show(index);
    select(index);
  },
  onClose: () => {
    change({ selected: '' });
    treeView.focus();
  },
});
const sessions = new SessionsView(model.sessions, times, (session) => change({ session }));
const time = new TimeView(model, times, (from, to) => change({ from, to }));

function change(part: Partial<ViewState>): void {
  const before = state;
  state = { ...state, ...part };
  if (state.query !== before.query) folds.search(state.query !== '');
  const isFiltered = (Object.keys(part) as (keyof ViewState)[]).some((name) => name !== 'selected');
  if (isFiltered) filtered = filter(model, state);
  // Browsers limit changes of the address to some hundred per 30 s. A held key would exceed that.
  if (addressTimer === 0) addressTimer = setTimeout(writeAddress, ADDRESS_MS);
  draw();
}

/** Replaces the history entry: otherwise each key press would add one. */
function writeAddress(): void {
  addressTimer = 0;
  history.replaceState(undefined, '', hashOf(state) || location.pathname + location.search);
}

function draw(): void {
  rows = visibleRows(model, filtered.kept, folds.isFolded);
  const index = model.indexOf(state.selected);
  treeView.show({ rows, filtered, words: wordsOf(state.query), selected: index, isFolded: folds.isFolded });
  details.show(index);
  sessions.show(state.session);
  time.show(state.from, state.to);
  if (search.value !== state.query) search.value = state.query;
  users.value = state.user;
  for (const one of onlyButtons) one.setAttribute('aria-pressed', String(one.dataset.only === state.only));
  clear.hidden = hashOf({ ...state, selected: '' }) === '';
  const some = filtered.kept ? `${filtered.matches} of ${model.count} processes match` : `${model.count} processes`;
  byId('count', HTMLParagraphElement).textContent = model.count === 0 ? 'No processes' : some;
}

/** Makes the process of the address visible, even below folded rows. */
function revealSelected(): void {
  const index = model.indexOf(state.selected);
  folds.show(index);
  draw();
  treeView.reveal(index, 'middle');
}

function move(where: Move): void {
  const index = moved(model, rows, model.indexOf(state.selected), where, treeView.page);
  folds.show(index);
  select(index);
}

/** Goes to the next match; after the last to the first. */
function nextMatch(by: 1 | -1): void {
  const from = model.indexOf(state.selected);
  for (let step = 1; step <= model.count; step++) {
    const at = (((from + by * step) % model.count) + model.count) % model.count;
    if (filtered.kept && filtered.kept[at] !== MATCH) continue;
    folds.show(at);
    select(at);
    return;
  }
}

function fold(isFolded: boolean): void {
  folds.all(isFolded);
  draw();
}

/** Left folds, then goes to the parent; right unfolds, then goes to the first child. */
function sideways(toLeft: boolean): void {
  const index = model.indexOf(state.selected);
  const hasChildren = (rows.children[index] ?? 0) > 0;
  if (index < 0 || !hasChildren || folds.isFolded(index) === toLeft) {
    move(toLeft ? 'parent' : 'child');
    return;
  }
  folds.toggle(index);
  draw();
}

const MOVES: Readonly<Record<string, Move>> = {
  ArrowUp: 'previous',
  ArrowDown: 'next',
  Home: 'first',
  End: 'last',
  PageUp: 'page up',
  PageDown: 'page down',
};

function onTreeKey(event: KeyboardEvent): void {
  const where = MOVES[event.key];
  if (where) move(where);
  else if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') {
    if (event.shiftKey) fold(event.key === 'ArrowLeft');
    else sideways(event.key === 'ArrowLeft');
  } else if (event.key === 'Enter') byId('details', HTMLElement).querySelector('button')?.focus();
  else return;
  event.preventDefault();
}

function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || byId('help', HTMLDialogElement).open) return;
  const isTyping = event.target === search;
  if (event.key === 'Escape') leave(isTyping);
  else if (isTyping && (event.key === 'Enter' || event.key === 'ArrowDown')) {
    treeView.focus();
    nextMatch(1);
  } else if (isTyping) return;
  else if (event.key === '/') search.select();
  else if (event.key === '?') showHelp();
  else if (event.key === 'n' || event.key === 'N') nextMatch(event.key === 'n' ? 1 : -1);
  else return;
  if (event.key === '/') search.focus();
  event.preventDefault();
}

function leave(isTyping: boolean): void {
  if (isTyping && state.query !== '') change({ query: '' });
  else if (isTyping) treeView.focus();
  else if (state.selected !== '') change({ selected: '' });
  else change({ ...EVERYTHING });
  if (!isTyping) treeView.focus();
}

function head(): void {
  const { host, boot_time, source, source_name, version, taken_time } = tree;
  const from = model.sessions.reduce((least, { from_time }) => Math.min(least, from_time ?? least), taken_time);
  const names = {
    extension: 'recorded by the extension',
    log: 'from a recorded log',
    proc: 'from /proc: running processes only',
  };
  const place = source === 'log' ? source_name : host;
  document.title = escapeTerminal(`${place}: process ancestry`);
  byId('host', HTMLHeadingElement).replaceChildren(...marked(place || 'Process ancestry'));
  const range = newest > 0 ? `${times.short(from)} – ${times.short(newest)} (${times.title})` : '';
  const boot = boot_time === null ? '' : `booted ${times.short(boot_time)}`;
  const facts = [range, boot, names[source], `process_ancestry ${version}`].filter(Boolean);
  byId('facts', HTMLParagraphElement).replaceChildren(...marked(facts.join(' · ')));
  const userNames = [
    ...new Set(
      model.processes.flatMap(({ user, images }) => [user, ...images.flatMap((one) => [one.user, one.euser])]),
    ),
  ];
  users.append(new Option('All users', ''));
  for (const user of userNames.filter(Boolean).sort()) {
    const option = element('option', '', ...marked(user));
    option.value = user;
    users.append(option);
  }
}

head();
search.addEventListener('input', () => change({ query: search.value }));
users.addEventListener('change', () => change({ user: users.value }));
for (const one of onlyButtons) one.addEventListener('click', () => change({ only: one.dataset.only as Only }));
clear.addEventListener('click', () => change({ ...EVERYTHING, selected: state.selected }));
byId('fold', HTMLButtonElement).addEventListener('click', () => fold(true));
byId('unfold', HTMLButtonElement).addEventListener('click', () => fold(false));
byId('keys', HTMLButtonElement).addEventListener('click', showHelp);
byId('tree', HTMLDivElement).addEventListener('keydown', onTreeKey);
document.addEventListener('keydown', onKey);
// The address itself may be that of writeAddress again, whose timer can end before this event.
addEventListener('hashchange', ({ newURL }) => {
  change(stateOf(new URL(newURL).hash));
  revealSelected();
});
change(state);
revealSelected();
treeView.focus();
