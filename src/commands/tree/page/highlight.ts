/** Finds search words in a text. */

interface Piece {
  readonly text: string;
  readonly isMatch: boolean;
}

/** Splits the text into matching and other parts. `words`: in lower case. */
export function piecesOf(text: string, words: readonly string[]): Piece[] {
  const lower = text.toLowerCase();
  // A letter whose lower case has another length would shift the positions of later matches.
  if (words.length === 0 || lower.length !== text.length) return [{ text, isMatch: false }];
  const pieces: Piece[] = [];
  let from = 0;
  while (from < text.length) {
    let begin = text.length;
    let end = text.length;
    for (const word of words) {
      const at = lower.indexOf(word, from);
      if (at >= 0 && (at < begin || (at === begin && at + word.length > end))) {
        begin = at;
        end = at + word.length;
      }
    }
    if (begin > from) pieces.push({ text: text.slice(from, begin), isMatch: false });
    if (end > begin) pieces.push({ text: text.slice(begin, end), isMatch: true });
    from = end;
  }
  return pieces;
}
