/** Files of rules on the command line. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

export interface RuleFile {
  readonly path: string;
  readonly text: string;
}

/** Each file once; of a folder those below it that end in .yml or .yaml. Throws the error of the file system. */
export function readRuleFiles(paths: readonly string[]): RuleFile[] {
  const files = paths.flatMap((path) => {
    if (!statSync(path).isDirectory()) return [path];
    const names = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((name) => /\.ya?ml$/.test(name));
    const found = names.toSorted().map((name) => join(path, name));
    return found.filter((file) => statSync(file).isFile());
  });
  const each = new Map(files.map((path) => [resolve(path), path])).values();
  return [...each].map((path) => ({ path, text: readFileSync(path, 'utf8') }));
}
