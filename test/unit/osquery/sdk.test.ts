/** The SDK as another package sees it, and what its folder imports. */
import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { directory } from './sandbox.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SDK = 'src/osquery';

/** A package that depends on this one. */
function dependent(files: Readonly<Record<string, string>>): string {
  const folder = directory();
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
  symlinkSync(ROOT, join(folder, 'node_modules/osquery-process-ancestry'));
  symlinkSync(join(ROOT, 'node_modules/@types/node'), join(folder, 'node_modules/@types/node'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

describe('another package', () => {
  test('imports the built SDK by its name', () => {
    const code = `import * as sdk from 'osquery-process-ancestry/sdk'; console.log(Object.keys(sdk).join());`;
    const folder = dependent({ 'main.mjs': code });
    const names = execFileSync(process.execPath, ['main.mjs'], { cwd: folder, encoding: 'utf8' }).trim().split(',');
    expect(names).toEqual(
      expect.arrayContaining(['Extension', 'ManagerClient', 'launchOptions', 'rowMatcher', 'text']),
    );
  });

  test('gets its types, with all checks of the compiler', () => {
    const readme = readFileSync(join(ROOT, SDK, 'README.md'), 'utf8');
    const [, code = ''] = /```ts\n(.*?)```/s.exec(readme) ?? [];
    const wrong = `import { text } from 'osquery-process-ancestry/sdk';\ntext('name', 'description', () => new Date());\n`;
    const compilerOptions = { module: 'nodenext', target: 'es2024', strict: true, noEmit: true, types: ['node'] };
    const folder = dependent({
      'package.json': '{ "type": "module" }',
      'main.ts': code.replace('./index.ts', 'osquery-process-ancestry/sdk'),
      'wrong.ts': wrong,
      'tsconfig.json': JSON.stringify({ compilerOptions, files: ['main.ts'] }),
      'tsconfig.wrong.json': JSON.stringify({ compilerOptions, files: ['wrong.ts'] }),
    });
    const compile = (project: string) =>
      execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', project], {
        cwd: folder,
        encoding: 'utf8',
        stdio: 'pipe',
      });
    expect(compile('tsconfig.json')).toBe('');
    expect(() => compile('tsconfig.wrong.json')).toThrow();
  });
});

describe('imports', () => {
  const importsOf = (file: string): string[] =>
    [...readFileSync(join(ROOT, file), 'utf8').matchAll(/^(?:import|export)\b[^;]*? from '([^']+)';/gm)].map(
      ([, path = '']) => (path.startsWith('.') ? relative(ROOT, join(ROOT, dirname(file), path)) : path),
    );

  test('of the SDK are its own files and Node.js', () => {
    const files = globSync(`${SDK}/**/*.ts`, { cwd: ROOT });
    expect(files.length).toBeGreaterThan(30);
    const foreign = files.flatMap((file) =>
      importsOf(file)
        .filter((path) => !path.startsWith('node:') && !path.startsWith(`${SDK}/`))
        .map((path) => `${file} imports ${path}`),
    );
    expect(foreign).toEqual([]);
  });

  test('of the SDK from other code are imports of its index, and of the log', () => {
    const files = globSync(['src/**/*.ts', 'tables/**/*.ts', 'packaging/**/*.ts'], { cwd: ROOT });
    const inner = files
      .filter((file) => !file.startsWith(`${SDK}/`))
      .flatMap((file) =>
        importsOf(file)
          .filter((path) => path.startsWith(`${SDK}/`) && ![`${SDK}/index.ts`, `${SDK}/log.ts`].includes(path))
          .map((path) => `${file} imports ${path}`),
      );
    expect(inner).toEqual([]);
  });
});
