import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { escapeTerminal, escapeTerminalJson, width } from '../../../src/text/terminal_escape.ts';

describe('text that any user can write', () => {
  test.each([
    ['what drives a terminal', '\x1b[2J\x9b31m\r\n\t\x7f', '\\x1b[2J\\x9b31m\\r\\n\\t\\x7f'],
    ['what reorders text', '\u202egpj.exe\u2069', '\\u202egpj.exe\\u2069'],
    ['soft hyphens and joiners', 'r\u00adm s\u200du', 'r\\xadm s\\u200du'],
    ['fillers that look like blanks', 'a\u3164b\u115fc\uffa0', 'a\\u3164b\\u115fc\\uffa0'],
    ['letters of tags, in which text can hide', 'id\u{e0072}\u{e006d}', 'id\\u{e0072}\\u{e006d}'],
    ['variants of what has none', 'a\ufe0f\ufe01', 'a\\ufe0f\\ufe01'],
    ['half a character', 'a\ud800b', 'a\\ud800b'],
  ])('shows %s', (_, text, shown) => {
    expect(escapeTerminal(text)).toBe(shown);
  });

  test('is left alone where it is but text', () => {
    for (const text of ['ls -la', 'écho 日本 नमस्ते', '👩‍💻 ❤️‍🔥 🏳️‍🌈 👍🏽 1️⃣', 'e\u0301'])
      expect(escapeTerminal(text)).toBe(text);
    expect(width(escapeTerminal('👩‍💻'))).toBe(2);
  });

  test('in JSON reads back as it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const json = escapeTerminalJson(JSON.stringify(text));
        expect(JSON.parse(json)).toBe(text);
        expect(escapeTerminal(json)).toBe(json);
      }),
      { numRuns: 2000 },
    );
    expect(escapeTerminalJson(JSON.stringify('\u{e0041}'))).toBe('"\\udb40\\udc41"');
  });
});
