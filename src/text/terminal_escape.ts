/** Escapes untrusted text for a terminal or a page: control characters, and characters that hide or reorder text. */

/**
 * Control characters, line separators, lone surrogates, bidirectional controls, and invisible characters (Unicode's
 * Default_Ignorable_Code_Point: soft hyphens, fillers, tags). No argument can control the terminal or look like another
 * argument. Joiners and variation selectors of an emoji are kept.
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

/** Escapes unsafe characters in the output of JSON.stringify. It parses to the same value. */
export function escapeTerminalJson(json: string): string {
  // JSON.stringify escapes C0 controls in strings; the other ones are its line breaks, which stay. Above U+FFFF: two escapes.
  return json.replace(unsafe, (one) =>
    one < ' ' ? one : [...Array(one.length).keys()].map((at) => `\\u${hex(one.charCodeAt(at), 4)}`).join(''),
  );
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}

export const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
/** East Asian wide and fullwidth blocks (Unicode's EastAsianWidth.txt, by block), and emoji. */
const wide =
  /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\p{Emoji}\ufe0f)/u;
const zero = /^[\p{Mn}\p{Me}\u200d]+$/u;

/** Width of the text in terminal columns. */
export function width(text = ''): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let columns = 0;
  for (const { segment } of graphemes.segment(text)) columns += wide.test(segment) ? 2 : zero.test(segment) ? 0 : 1;
  return columns;
}
