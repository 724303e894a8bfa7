/**
 * Makes dist/page/tree.html, the page that `tree --html` fills: markup, style and program of src/commands/tree/page in one
 * file that loads nothing else. Its policy has the hashes of style and program, so that nothing else in it can run.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, 'src', 'commands', 'tree', 'page');
const output = join(root, 'dist', 'page');

async function bundled(entry: string): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [join(source, entry)],
    bundle: true,
    write: false,
    minify: true,
    format: 'iife',
    platform: 'browser',
    // The level of browsers of 2024.
    target: ['chrome120', 'firefox121', 'safari17'],
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'warning',
  });
  const text = outputFiles[0]?.text.trim() ?? '';
  // Each would end its element early.
  if (/<\/(script|style)|<!--/i.test(text)) throw new Error(`${entry}: it cannot be put into a page`);
  return text;
}

const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

const style = await bundled('page.css');
const script = await bundled('app.ts');
const policy = `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; base-uri 'none'; form-action 'none'`;
const parts: Readonly<Record<string, string>> = {
  policy,
  style: `<style>${style}</style>`,
  script: `<script>${script}</script>`,
};
const page = readFileSync(join(source, 'page.html'), 'utf8').replace(
  /<!-- (policy|style|script) -->/g,
  (place, name: string) => parts[name] ?? place,
);
mkdirSync(output, { recursive: true });
writeFileSync(join(output, 'tree.html'), page);
