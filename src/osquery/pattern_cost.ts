/** How dear it is to try a LIKE or GLOB pattern on a text. */

/**
 * The most steps that SQLite's patternCompare (func.c) takes for a character of text, about: it tries the literal that
 * follows a wildcard at each place. How many of these trials a character can be part of is known from how the literal
 * overlaps itself: two for /etc/shadow, eighty for eighty times the same letter. A literal with a wildcard for one
 * character in it, or a class, counts by its length.
 */
export function stepsPerCharacter(op: 'like' | 'glob', pattern: string): number {
  const [many, one] = op === 'like' ? ['%', '_'] : ['*', '?'];
  // What stands before the first wildcard is tried at one place only.
  const [, ...literals] = pattern.split(many);
  const steps = literals.map((literal) =>
    literal.includes(one) || (op === 'glob' && literal.includes('[')) ? literal.length : overlaps(literal),
  );
  return steps.reduce((most, next) => Math.max(most, next), 1);
}

/** At how many places within itself a text may be beginning at the same time: one and the most borders of a prefix. */
function overlaps(literal: string): number {
  // Knuth, Morris and Pratt: the longest border of each prefix, and how many borders there are.
  const text = literal.toLowerCase();
  const border = [0];
  const count = [1];
  let most = 1;
  for (let i = 1; i < text.length; i++) {
    let length = border[i - 1] ?? 0;
    while (length > 0 && text[i] !== text[length]) length = border[length - 1] ?? 0;
    if (text[i] === text[length]) length += 1;
    border.push(length);
    count.push(1 + (length > 0 ? (count[length - 1] ?? 0) : 0));
    most = Math.max(most, count[i] ?? 0);
  }
  return most;
}
