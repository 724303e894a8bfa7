/** Text that anybody may have written, for a terminal or a page: what would drive it or mislead is made visible. */

/** C0 and C1 controls, DEL, line separators, and what reorders or hides text: no argument may drive the terminal. */
export const unsafe = /[\0-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;
const escapes = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

export function visible(text: string): string {
  return text.replace(unsafe, (one) => {
    // A joiner inside of an emoji is part of it.
    if (one === '\u200d') return one;
    const code = one.charCodeAt(0);
    return escapes.get(one) ?? (code < 0x100 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`);
  });
}

/** JSON as JSON.stringify has it, with escapes for what would drive or mislead a terminal: it reads back as the same. */
export function visibleJson(json: string): string {
  // Within its texts there are no C0 controls, and between them line breaks that are to stay.
  return json.replace(unsafe, (one) => (one < ' ' ? one : `\\u${hex(one.charCodeAt(0), 4)}`));
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}

export const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
/** East Asian wide and fullwidth blocks (Unicode's EastAsianWidth.txt, by block), and what is shown as an emoji. */
const wide =
  /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\p{Emoji}\ufe0f)/u;
const zero = /^[\p{Mn}\p{Me}\u200d]+$/u;

/** How many columns of a terminal the text takes. */
export function width(text = ''): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let columns = 0;
  for (const { segment } of graphemes.segment(text)) columns += wide.test(segment) ? 2 : zero.test(segment) ? 0 : 1;
  return columns;
}
