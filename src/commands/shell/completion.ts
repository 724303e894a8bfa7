/** Tab completion. */
import type { RegisteredTable } from './registered_table.ts';
import { functionNames } from './sql_functions.ts';

const commands = ['.tables', '.schema', '.help', '.mode', '.exit', '.quit'];
const keywords = (
  'SELECT FROM WHERE AND OR NOT IN LIKE GLOB BETWEEN IS NULL AS JOIN LEFT ON USING GROUP BY HAVING ORDER ASC DESC ' +
  'LIMIT OFFSET DISTINCT UNION ALL WITH CASE WHEN THEN ELSE END COUNT MIN MAX SUM json_each json_extract json_array_length'
).split(' ');

/** Completions of the last word, and the word, in the format of readline's completer. */
export function complete(line: string, tables: readonly RegisteredTable[]): [string[], string] {
  const word = /[.\w]*$/.exec(line)?.[0] ?? '';
  if (word.startsWith('.') && word === line.trimStart()) {
    return [commands.filter((command) => command.startsWith(word)), word];
  }
  const afterDot = /^(.*\.)(\w*)$/.exec(word);
  const columns = tables.flatMap((table) => table.columns.map(({ name }) => name));
  const qualifier = afterDot?.[1] ?? '';
  const names = afterDot ? columns : [...tables.map(({ name }) => name), ...columns, ...keywords, ...functionNames()];
  const start = word.slice(qualifier.length).toLowerCase();
  if (start === '' && !afterDot) return [[], word];
  const found = [...new Set(names)].filter((name) => name.toLowerCase().startsWith(start));
  return [found.sort().map((name) => qualifier + name), word];
}
