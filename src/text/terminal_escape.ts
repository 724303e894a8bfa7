/** Text that anybody may have written, for a terminal or a page: what would drive it or mislead is escaped. */

/**
 * Controls, line separators, halves of characters, and what reorders or hides text, or is not seen itself (Unicode's
 * Default_Ignorable_Code_Point: soft hyphens, fillers, tags): no argument may drive the terminal, nor look like another.
 * What joins or colours an emoji is part of it.
 */
const unsafe =
  /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}\ufff9-\ufffb]|(?![\u200d\ufe0e\ufe0f])\p{Default_Ignorable_Code_Point}|(?<!\p{Extended_Pictographic}[\ufe0f\u{1f3fb}-\u{1f3ff}]?)\u200d|(?<!\p{Emoji})[\ufe0e\ufe0f]/gu;
const escapes = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

export function escapeTerminal(text: string): string {
  return text.replace(unsafe, (one) => {
    const code = one.codePointAt(0) ?? 0;
    if (code > 0xffff) return `\\u{${code.toString(16)}}`;
    return escapes.get(one) ?? (code < 0x100 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`);
  });
}

/** JSON as JSON.stringify has it, with escapes for what would drive or mislead a terminal: it reads back as the same. */
export function escapeTerminalJson(json: string): string {
  // Within its texts there are no C0 controls, and between them line breaks that are to stay. Above U+FFFF two escapes.
  return json.replace(unsafe, (one) =>
    one < ' ' ? one : [...Array(one.length).keys()].map((at) => `\\u${hex(one.charCodeAt(at), 4)}`).join(''),
  );
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
