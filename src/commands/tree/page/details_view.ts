/** Shows details of the selected process. */
import { escapeTerminal } from '../../../text/terminal_escape.ts';
import type { LocalTimes } from '../clock_text.ts';
import { imageName, lastImage, type TreeImage, type TreeProcess } from '../document.ts';
import { KIND_NAMES } from '../session_text.ts';
import { copyText } from './clipboard.ts';
import { button, byId, element, marked } from './element.ts';
import type { Model } from './model.ts';
import { stateElement } from './tree_view.ts';

interface DetailsEvents {
  onSelect(index: number): void;
  onClose(): void;
}

export class DetailsView {
  readonly #model: Model;
  readonly #times: LocalTimes;
  readonly #events: DetailsEvents;
  readonly #panel = byId('details', HTMLElement);
  #shown = -1;

  constructor(model: Model, times: LocalTimes, events: DetailsEvents) {
    this.#model = model;
    this.#times = times;
    this.#events = events;
  }

  show(index: number): void {
    if (index === this.#shown) return;
    this.#shown = index;
    const process = this.#model.processes[index];
    this.#panel.hidden = !process;
    if (!process) return;
    const close = button('close', '×', () => this.#events.onClose());
    close.setAttribute('aria-label', 'Close');
    this.#panel.replaceChildren(
      element(
        'div',
        'details-head',
        element('h2', '', ...marked(imageName(lastImage(process)))),
        stateElement(process),
        close,
      ),
      this.#ancestry(index),
      this.#facts(process),
      element('h3', '', process.images.length === 1 ? 'Image' : `${process.images.length} images in sequence`),
      ...process.images.map((image) => this.#image(image)),
      element('h3', '', 'Copy'),
      element('div', 'copies', ...copies(process)),
    );
    this.#panel.scrollTop = 0;
  }

  #ancestry(index: number): HTMLElement {
    const list = element('ol', 'ancestry');
    for (const one of this.#model.chainOf(index)) {
      const process = this.#model.processes[one];
      if (!process) continue;
      const name = imageName(lastImage(process));
      const step = button('ancestor', '', () => this.#events.onSelect(one));
      step.replaceChildren(...marked(name), ' ', element('small', '', String(process.pid)));
      if (one === index) step.setAttribute('aria-current', 'true');
      list.append(element('li', '', step));
    }
    const made = element('nav', '', list);
    made.setAttribute('aria-label', 'Ancestry');
    return made;
  }

  #facts(process: TreeProcess): HTMLElement {
    const session = this.#model.sessions[process.session];
    const { user, uid, euid, auid, sid, tty, entry_source_ip: ip } = process;
    const ids = [uid === null ? '' : `uid ${uid}`, euid === null || euid === uid ? '' : `euid ${euid}`];
    const login = auid === null ? '' : `auid ${auid}`;
    const kind = session ? KIND_NAMES[session.kind] : '';
    const facts: readonly (readonly [string, string])[] = [
      ['PID', String(process.pid)],
      ['User', [user, `(${[...ids, login].filter(Boolean).join(', ')})`].join(' ')],
      ['Started', this.#times.short(process.start_time)],
      ['Ended', this.#times.short(process.exit_time)],
      ['Session', sid === null ? '' : `${sid}${tty === '' ? '' : ` on ${tty}`}`],
      ['Entry', [kind, ip === '' ? '' : `from ${ip}`].filter(Boolean).join(' ')],
      ['Below it', String(this.#model.endOf(this.#shown) - this.#shown - 1)],
      ['entity_id', process.entity_id],
    ];
    const list = element('dl', '');
    for (const [name, value] of facts) {
      if (value !== '') list.append(element('dt', '', name), element('dd', '', ...marked(value)));
    }
    return list;
  }

  #image({ time, inherited, path, args, cwd, user, euser }: TreeImage): HTMLElement {
    const when =
      time === null
        ? inherited
          ? 'forked, never executed'
          : 'executed before the recording started'
        : this.#times.short(time);
    const who = euser === '' || euser === user ? user : `${user} as ${euser}`;
    const list = element(
      'ol',
      'args-list',
      ...args.map((arg) => element('li', '', ...marked(arg === '' ? '""' : arg))),
    );
    list.start = 0;
    const head = element('div', 'line', element('span', '', when), element('span', 'minor', ...marked(who)));
    const made = element('section', 'image', head, element('div', 'path', ...marked(path)), list);
    if (cwd !== '') made.append(element('div', 'minor', 'in ', ...marked(cwd)));
    return made;
  }
}

function copies({ pid, entity_id, images }: TreeProcess): HTMLElement[] {
  // An entity id has no quotes, but the data of a page is untrusted.
  const quoted = `'${entity_id.replaceAll("'", "''")}'`;
  const all: readonly (readonly [string, string])[] = [
    ['pid', String(pid)],
    ['entity_id', entity_id],
    ['command line', images.at(-1)?.args.join(' ') ?? ''],
    ['SQL: its execs', `SELECT * FROM process_ancestry_events WHERE entity_id = ${quoted};`],
    ['SQL: all below it', `SELECT DISTINCT pid, entity_id FROM process_ancestry WHERE ancestor_entity_id = ${quoted};`],
  ];
  return all.map(([label, raw]) => {
    // A line break, pasted into a terminal, would run the command.
    const text = escapeTerminal(raw);
    const made = button('plain', label, () => {
      void copyText(text).then((isCopied) => {
        made.textContent = isCopied ? 'copied' : 'copying is not allowed';
        setTimeout(() => {
          made.textContent = label;
        }, 1200);
      });
    });
    made.title = text.slice(0, 200);
    return made;
  });
}
