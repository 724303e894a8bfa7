/** The page with a tree in it: what the build made (packaging/tree_page.ts), and the data as JSON that is only data. */
import type { TreeDocument } from './document.ts';

/** Where the build leaves room for the data. */
export const DATA_PLACE = '<!-- data -->';

/** What the page finds in its data. */
export interface PageData {
  readonly tree: TreeDocument;
  /** The entity that was asked for; '' for none. */
  readonly selected: string;
}

export function pageText(page: string, tree: TreeDocument, selected: string): string {
  const at = page.indexOf(DATA_PLACE);
  if (at < 0) throw new Error('the page has no place for its data; run "npm run build"');
  const data: PageData = { tree, selected };
  const block = `<script type="application/json" id="data">${dataText(data)}</script>`;
  // Not by replace(), to which $& and its like in an argument would mean something.
  return page.slice(0, at) + block + page.slice(at + DATA_PLACE.length);
}

/**
 * JSON that cannot end the element that it is in, nor begin another: HTML ends a script at `</script` and counts
 * `<!--` and `<script` in it (HTML standard, script data states). Every character reads back as it was.
 */
export function dataText(data: unknown): string {
  return JSON.stringify(data).replace(/[<>&\u2028\u2029]/g, (one) => {
    return `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
