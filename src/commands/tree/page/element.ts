/** Creates elements from text only: untrusted text is never parsed as HTML. */
import { escapeTerminal } from '../../../text/terminal_escape.ts';
import { piecesOf } from './highlight.ts';

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className !== '') made.className = className;
  made.append(...children);
  return made;
}

export function button(className: string, label: string, onPress: () => void): HTMLButtonElement {
  const made = element('button', className, label);
  made.type = 'button';
  made.addEventListener('click', onPress);
  return made;
}

/** Untrusted text: characters that reorder or hide text are escaped, search words are marked. */
export function marked(text: string, words: readonly string[] = []): Node[] {
  return piecesOf(escapeTerminal(text), words).map(({ text, isMatch }) =>
    isMatch ? element('mark', '', text) : document.createTextNode(text),
  );
}

/** The element with this id. */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} ${id}`);
  return found;
}
