/** Random regular expressions in PCRE's words, each with the same in JavaScript's, to compare with. */
import fc from 'fast-check';
import type { RegexFlags } from '../../../../src/commands/sigma/regex.ts';

interface Pair {
  readonly pcre: string;
  readonly js: string;
}
export interface PairOfRegexes {
  readonly pcre: string;
  readonly meant: RegExp;
  readonly flags: RegexFlags;
}

const same = (...texts: readonly string[]): Pair[] => texts.map((text) => ({ pcre: text, js: text }));

function pairs(flags: RegexFlags): fc.Arbitrary<Pair> {
  const end = flags.m ? '(?=\\n|$(?![^]))' : '(?=\\n?$(?![^]))';
  const atom = fc.constantFrom<Pair>(
    ...same(
      'a',
      'b',
      'B',
      ' ',
      '1',
      '\\-',
      '\\.',
      '[ab]',
      '[^a]',
      '[^\\n]',
      '[a-c]',
      '[\\d_]',
      '[^\\w]',
      '\\d',
      '\\w',
      '\\s',
      '\\S',
    ),
    ...[
      { pcre: '.', js: flags.s ? '[^]' : '[^\\n]' },
      { pcre: '[]a]', js: '[\\]a]' },
      { pcre: '[b-]', js: '[b\\-]' },
    ],
    ...[
      { pcre: '[[:upper:]1]', js: '[A-Z1]' },
      { pcre: '\\x{61}', js: 'a' },
      { pcre: '\\W', js: '[^a-zA-Z0-9_]' },
    ],
  );
  const anything = fc
    .constantFrom('*', '+', '*?')
    .map((by) => ({ pcre: `.${by}`, js: `${flags.s ? '[^]' : '[^\\n]'}${by}` }));
  const place = fc.constantFrom<Pair>(
    ...same('^', '\\b', '\\B'),
    { pcre: '$', js: end },
    { pcre: '\\z', js: '$(?![^])' },
  );
  const quantifier = fc.constantFrom('*', '+', '?', '{2}', '{0,1}', '{1,}', '*?', '+?');
  const { sequence } = fc.letrec<{ sequence: Pair }>((tie) => ({
    sequence: fc
      .array(
        fc.oneof(
          { maxDepth: 2 },
          { weight: 6, arbitrary: atom },
          { weight: 1, arbitrary: place },
          { weight: 3, arbitrary: anything },
          {
            weight: 2,
            arbitrary: fc.tuple(atom, quantifier).map(([one, by]) => ({ pcre: one.pcre + by, js: one.js + by })),
          },
          {
            weight: 2,
            arbitrary: fc
              .tuple(tie('sequence'), tie('sequence'), fc.constantFrom('(', '(?:', '(?P<n>', '(?=', '(?!'))
              .map(([one, two, opening]) => ({
                pcre: `${opening}${one.pcre}|${two.pcre})`,
                js: `${opening === '(?P<n>' ? '(' : opening}${one.js}|${two.js})`,
              })),
          },
        ),
        { maxLength: 7 },
      )
      .map((parts) => ({ pcre: parts.map(({ pcre }) => pcre).join(''), js: parts.map(({ js }) => js).join('') })),
  }));
  return sequence;
}

export const pairOfRegexes: fc.Arbitrary<PairOfRegexes> = fc
  .record({ i: fc.boolean(), m: fc.boolean(), s: fc.boolean(), inline: fc.boolean() })
  .chain(({ i, m, s, inline }) =>
    pairs({ i, m, s }).map(({ pcre, js }) => {
      const letters = `${i ? 'i' : ''}${m ? 'm' : ''}${s ? 's' : ''}`;
      const meant = new RegExp(js, letters);
      if (!inline || letters === '') return { pcre, meant, flags: { i, m, s } };
      return { pcre: `(?${letters})${pcre}`, meant, flags: { i: false, m: false, s: false } };
    }),
  );
