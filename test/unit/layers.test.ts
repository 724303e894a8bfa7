/** The layers of src and tables: what each folder may import, and that no imports go in a circle. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, normalize } from 'node:path/posix';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);

/**
 * The allowed arrows: what each folder may import beside its own files, npm's packages and Node's modules. A name is a folder of
 * src, or one of its files. A folder that is not listed fails, and so does an arrow that nothing uses.
 */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  // Facts of Linux, and small parts without a layer.
  linux: [],
  memory: [],
  text: [],
  // The SDK for osquery extensions imports nothing of this project.
  osquery: [],
  program: ['osquery/log'],
  // From a sensor to the store.
  collect: ['linux', 'memory', 'program/bundled_files', 'text'],
  process: ['collect/event', 'collect/procfs', 'linux', 'memory', 'text'],
  files: ['collect/event', 'linux'],
  containers: ['files/remote_file_systems', 'linux'],
  store: ['collect/event', 'collect/source', 'containers/facts', 'linux', 'memory', 'process', 'program/log', 'text'],
  config: [
    'ecs/action',
    'files/regular_file',
    'process/actions',
    'process/environment',
    'process/ignore',
    'process/redact',
    'text',
  ],
  recording: [
    ...['collect', 'config/flags', 'containers', 'files', 'linux', 'memory', 'process', 'program', 'store', 'text'],
  ],
  // From the store to an answer.
  ecs: ['containers/facts', 'linux', 'process/facts'],
  tables: [
    'collect/event',
    'config/allow_rules',
    'ecs',
    'linux',
    'osquery',
    'process',
    'recording/recorder_stats',
    'store',
  ],
  metrics: [
    ...['collect/source', 'config', 'files/file_hasher', 'osquery', 'program/log', 'recording/recorder_stats'],
    ...['tables', 'text'],
  ],
  // The programs.
  commands: [],
  'commands/cleanup': ['collect'],
  'commands/doctor': ['collect', 'linux', 'osquery', 'text'],
  'commands/shell': ['linux', 'osquery', 'text'],
  'commands/sigma': ['commands/command_status', 'config/sigma_options', 'tables/process_ancestry_events', 'text'],
  'commands/tree': [
    ...['collect', 'commands/command_status', 'config', 'ecs', 'linux', 'osquery', 'process', 'program', 'recording'],
    ...['store', 'tables', 'text'],
  ],
  extension: [
    ...['collect/source', 'commands/command_status', 'config', 'linux', 'metrics', 'osquery', 'program', 'recording'],
    ...['store', 'tables', 'text'],
  ],
  main: [
    ...[
      'collect',
      'commands',
      'commands/cleanup',
      'commands/doctor',
      'commands/shell',
      'commands/sigma',
      'commands/tree',
    ],
    ...['config', 'extension', 'process/redact', 'program', 'recording/store_settings', 'text'],
  ],
};

interface Module {
  /** Without src/ and the ending. */
  readonly name: string;
  readonly text: string;
  /** The modules that it imports, as values or types. */
  readonly imports: readonly string[];
}

const nameOf = (path: string) => path.replace(/^src\//, '').replace(/\.[jt]s$/, '');
const withoutComments = (text: string) => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');

function modulesIn(...folders: readonly string[]): Module[] {
  return folders.flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, root), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.includes('node_modules'))
      .map((file) => {
        const path = `${folder}/${file}`;
        const text = withoutComments(readFileSync(new URL(path, root), 'utf8'));
        const found = [...text.matchAll(/(?:\bfrom|\bimport\()\s*'(\.[^']+)'/g)].map(([, to = '']) => to);
        return { name: nameOf(path), text, imports: found.map((to) => nameOf(normalize(`${dirname(path)}/${to}`))) };
      }),
  );
}

const program = modulesIn('src', 'tables');

/** The name under which a module's folder is listed: `commands` has a folder for each command. */
function folderOf(name: string): string {
  const [first = '', second = '', third] = name.split('/');
  return first === 'commands' && third !== undefined ? `${first}/${second}` : first;
}

test('every folder of src and tables is listed, and nothing else', () => {
  expect([...new Set(program.map(({ name }) => folderOf(name)))].sort()).toEqual(Object.keys(ALLOWED).sort());
});

test.each(Object.entries(ALLOWED))('%s imports only what it may', (folder, allowed) => {
  const own = program.filter(({ name }) => folderOf(name) === folder);
  const arrows = own.flatMap(({ name, imports }) => imports.map((to) => ({ name, to })));
  const foreign = arrows.filter(({ to }) => folderOf(to) !== folder);
  const isBy = (arrow: string, to: string) => arrow === folderOf(to) || arrow === to;
  const wrong = foreign.filter(({ to }) => !allowed.some((arrow) => isBy(arrow, to)));
  expect(wrong.map(({ name, to }) => `${name} imports ${to}`)).toEqual([]);
  expect(allowed.filter((arrow) => !foreign.some(({ to }) => isBy(arrow, to)))).toEqual([]);
});

/** The nodes of one circle, in order; undefined if there is none. */
function circleIn(arrows: ReadonlyMap<string, readonly string[]>): readonly string[] | undefined {
  const done = new Set<string>();
  const visit = (node: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (done.has(node)) return undefined;
    for (const next of arrows.get(node) ?? []) {
      const circle = visit(next, [...path, node]);
      if (circle) return circle;
    }
    done.add(node);
    return undefined;
  };
  for (const node of arrows.keys()) {
    const circle = visit(node, []);
    if (circle) return circle;
  }
  return undefined;
}

test('no imports of files go in a circle', () => {
  expect(circleIn(new Map(program.map(({ name, imports }) => [name, imports])))).toBeUndefined();
});

test('no arrows of folders go in a circle', () => {
  const arrows = Object.entries(ALLOWED).map(([folder, to]) => [folder, to.map(folderOfArrow)] as const);
  expect(circleIn(new Map(arrows))).toBeUndefined();
});

/** An arrow names a folder, or a file of one. */
function folderOfArrow(arrow: string): string {
  return arrow in ALLOWED ? arrow : folderOf(arrow);
}

test('every export is imported by some file', () => {
  const all = [...program, ...modulesIn('test', 'packaging', 'native/events')];
  const imported = new Set<string>();
  const loadedWhole = new Set<string>();
  for (const { name, text } of all) {
    const inFolder = `${/^(test|packaging|native|tables)\//.test(name) ? '' : 'src/'}${dirname(name)}`;
    const target = (to: string) => nameOf(normalize(`${inFolder}/${to}`));
    for (const [, body = '', to = ''] of text.matchAll(
      /\b(?:import|export)\s+(?:type\s+)?\{([^}]*)\}\s*from\s*'(\.[^']+)'/g,
    ))
      for (const one of body.split(','))
        imported.add(
          `${target(to)}: ${
            one
              .trim()
              .replace(/^type\s+/, '')
              .split(' as ')[0]
          }`,
        );
    for (const [, to = ''] of text.matchAll(/(?:\* as \w+ from|\bimport\()\s*'(\.[^']+)'/g))
      loadedWhole.add(target(to));
  }
  const exported = program.flatMap(({ name, text }) =>
    [...text.matchAll(/^export (?:abstract |async )?(?:class|const|let|function\*?|interface|type) (\w+)/gm)].map(
      ([, one = '']) => ({ name, one }),
    ),
  );
  const unused = exported.filter(({ name, one }) => !loadedWhole.has(name) && !imported.has(`${name}: ${one}`));
  expect(unused.map(({ name, one }) => `${name}: ${one}`)).toEqual([]);
});

test('src/process does not mention a source', () => {
  const sources = /\borigin\b|audit|proc_events|connector|netlink|ebpf|\bring\b|\bserial\b(?! line)|\bsensor/i;
  const folder = new URL('src/process/', root);
  const wrong = readdirSync(folder).flatMap((file) =>
    readFileSync(new URL(file, folder), 'utf8')
      .split('\n')
      .flatMap((line, n) => (sources.test(line) ? [`${file}:${n + 1}: ${line.trim()}`] : [])),
  );
  expect(wrong).toEqual([]);
});
