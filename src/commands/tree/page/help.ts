/** Dialog that lists the keys. */
import { button, byId, element } from './element.ts';

const KEYS: readonly (readonly [string, string])[] = [
  ['↑ ↓', 'previous, next process'],
  ['←', 'fold; if folded, go to the parent'],
  ['→', 'unfold; if unfolded, go to the first child'],
  ['Shift ← →', 'fold all, unfold all'],
  ['Home End', 'first, last'],
  ['Page ↑ ↓', 'page up, page down'],
  ['Enter', 'show details of the process'],
  ['/', 'search'],
  ['n N', 'next, previous match'],
  ['Esc', 'leave the search; close the details; clear the filters'],
  ['?', 'this list'],
];

export function showHelp(): void {
  const dialog = byId('help', HTMLDialogElement);
  const list = element('dl', '');
  for (const [keys, what] of KEYS) {
    list.append(element('dt', '', ...keys.split(' ').map((key) => element('kbd', '', key))), element('dd', '', what));
  }
  dialog.replaceChildren(
    element('h2', '', 'Keys'),
    list,
    button('plain', 'Close', () => dialog.close()),
  );
  dialog.showModal();
}
