/** Chart of execs over time, with two handles for the displayed range. */
import type { LocalTimes } from '../clock_text.ts';
import { byId, element } from './element.ts';
import { histogramOf } from './histogram.ts';
import type { Model } from './model.ts';

const BARS = 120;
const HEIGHT = 36;
const SVG = 'http://www.w3.org/2000/svg';

export class TimeView {
  readonly #times: LocalTimes;
  readonly #range: { readonly from: number; readonly to: number } | undefined;
  readonly #from = document.createElement('input');
  readonly #to = document.createElement('input');
  readonly #label = element('span', 'range');
  readonly #shade = element('div', 'shade');

  constructor(model: Model, times: LocalTimes, onChange: (from: number | null, to: number | null) => void) {
    this.#times = times;
    const histogram = histogramOf(model, BARS);
    const place = byId('time', HTMLFieldSetElement);
    place.hidden = !histogram || histogram.to === histogram.from;
    if (!histogram || place.hidden) return;
    const { from, to } = histogram;
    this.#range = { from, to };
    const chart = document.createElementNS(SVG, 'svg');
    chart.setAttribute('viewBox', `0 0 ${histogram.execs.length} ${HEIGHT}`);
    chart.setAttribute('preserveAspectRatio', 'none');
    chart.setAttribute('aria-hidden', 'true');
    const most = histogram.execs.reduce((a, b) => Math.max(a, b), 1);
    for (const [at, execs] of histogram.execs.entries()) {
      chart.append(...bar(at, execs, most, 'execs'), ...bar(at, histogram.failed[at] ?? 0, most, 'failed'));
    }
    for (const [input, name] of [
      [this.#from, 'From'],
      [this.#to, 'To'],
    ] as const) {
      Object.assign(input, { type: 'range', min: String(from), max: String(to), step: '1' });
      input.setAttribute('aria-label', name);
      input.addEventListener('input', () => {
        // A handle cannot pass the other one.
        if (Number(this.#from.value) > Number(this.#to.value)) {
          input.value = input === this.#from ? this.#to.value : this.#from.value;
        }
        const [begin, end] = [Number(this.#from.value), Number(this.#to.value)];
        onChange(begin <= from ? null : begin, end >= to ? null : end);
      });
    }
    const slider = element('div', 'slider', this.#shade, this.#from, this.#to);
    slider.prepend(chart);
    place.replaceChildren(slider, this.#label);
  }

  show(from: number | null, to: number | null): void {
    const range = this.#range;
    if (!range) return;
    const [begin, end] = [from ?? range.from, to ?? range.to];
    this.#from.value = String(begin);
    this.#to.value = String(end);
    const share = (time: number) => `${(100 * (time - range.from)) / (range.to - range.from)}%`;
    this.#shade.style.left = share(begin);
    this.#shade.style.right = `calc(100% - ${share(end)})`;
    this.#label.textContent = `${this.#times.short(begin)} – ${this.#times.short(end)}`;
    const described: readonly (readonly [HTMLInputElement, number])[] = [
      [this.#from, begin],
      [this.#to, end],
    ];
    for (const [input, time] of described) input.setAttribute('aria-valuetext', this.#times.short(time));
  }
}

function bar(at: number, execs: number, most: number, className: string): SVGRectElement[] {
  if (execs === 0) return [];
  // A single exec must be visible beside a thousand.
  const height = Math.max(2, HEIGHT * Math.sqrt(execs / most));
  const rect = document.createElementNS(SVG, 'rect');
  const attributes = { x: at + 0.1, y: HEIGHT - height, width: 0.8, height, class: className };
  for (const [name, value] of Object.entries(attributes)) rect.setAttribute(name, String(value));
  return [rect];
}
