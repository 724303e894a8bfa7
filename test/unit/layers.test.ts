/** A layer knows only what lies before it, and the process tree knows no source of its events. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const src = new URL('../../src/', import.meta.url);

/** What each folder may import beside its own files, npm's packages and Node's modules. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  collect: [
    'linux/descriptors',
    'linux/terminal',
    'memory/collect_garbage',
    'memory/memory_bounds',
    'process/identity',
    'program/bundled_files',
    'text/error_message',
  ],
  process: ['collect/event', 'collect/procfs', 'memory/memory_bounds', 'text/error_message'],
};

const filesOf = (folder: string) =>
  readdirSync(new URL(`${folder}/`, src), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
const textOf = (folder: string, file: string) => readFileSync(new URL(`${folder}/${file}`, src), 'utf8');

test.each(Object.entries(ALLOWED))('src/%s imports only what it may', (folder, allowed) => {
  const wrong = filesOf(folder).flatMap((file) => {
    const imports = [...textOf(folder, file).matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, path = '']) => path);
    const paths = imports.map((path) => new URL(path, new URL(`${folder}/${file}`, src)).href.slice(src.href.length));
    return paths
      .filter((path) => !path.startsWith(`${folder}/`) && !allowed.includes(path.replace(/\.ts$/, '')))
      .map((path) => `${file}: ${path}`);
  });
  expect(wrong).toEqual([]);
});

test.each(['process', 'store', 'recording'])('src/%s records facts, and knows no ECS', (name) => {
  const files = filesOf(name).map((file) => `${name}/${file}`);
  expect(files.filter((file) => /'\.{1,2}\/(\.\.\/)*ecs\//.test(textOf('.', file)))).toEqual([]);
});

test('src/process has no word of a source', () => {
  const sources = /\borigin\b|audit|proc_events|connector|netlink|ebpf|\bring\b|\bserial\b(?! line)|\bsensor/i;
  const wrong = filesOf('process').flatMap((file) =>
    textOf('process', file)
      .split('\n')
      .flatMap((line, n) => (sources.test(line) ? [`${file}:${n + 1}: ${line.trim()}`] : [])),
  );
  expect(wrong).toEqual([]);
});
