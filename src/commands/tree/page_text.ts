/** Inserts the tree as JSON into the page that the build made (packaging/tree_page.ts). */
import type { TreeDocument } from './document.ts';

/** Placeholder for the data. */
export const DATA_PLACE = '<!-- data -->';

/** Data of the page. */
export interface PageData {
  readonly tree: TreeDocument;
  /** Entity id of the selected process; '' for none. */
  readonly selected: string;
}

export function pageText(page: string, tree: TreeDocument, selected: string): string {
  const at = page.indexOf(DATA_PLACE);
  if (at < 0) throw new Error('the page has no placeholder for its data; run "npm run build"');
  const data: PageData = { tree, selected };
  const block = `<script type="application/json" id="data">${dataText(data)}</script>`;
  // Not with replace(), which would expand $& in an argument.
  return page.slice(0, at) + block + page.slice(at + DATA_PLACE.length);
}

/**
 * JSON that is safe inside a script element: HTML ends a script at `</script` and interprets `<!--` and `<script` in it
 * (HTML standard, script data states). It parses to the same value.
 */
export function dataText(data: unknown): string {
  return JSON.stringify(data).replace(/[<>&\u2028\u2029]/g, (one) => {
    return `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
