#!/usr/bin/env node
// Makes only what is missing: packages, the native addon, JavaScript, dist/process_ancestry.ext. Runs on the Node of the
// machine (20 or later). Everything else runs on the Node of the npm packages.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const at = (...parts) => join(root, ...parts);
const nodeHome = at('node_modules', `node-linux-${process.arch}`);
/** Each with its reason. */
const v8Options = JSON.parse(readFileSync(at('packaging', 'v8_options.json'), 'utf8'));

function run(what, command, args, { withoutNpm = false, ...options } = {}) {
  process.stderr.write(`${what} …\n`);
  const env = { ...process.env, PATH: `${at('node_modules', '.bin')}:${process.env.PATH}` };
  // npm passes the user's configuration on, and node-gyp prefers it to its command line: other headers and flags.
  if (withoutNpm) for (const name of Object.keys(env)) if (/^npm_/i.test(name)) delete env[name];
  const done = spawnSync(command, args, {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    ...options,
  });
  if (done.status === 0) return;
  process.stderr.write(`${done.stdout ?? ''}${done.stderr ?? ''}${done.error ? `${done.error.message}\n` : ''}`);
  process.stderr.write(`${what}: ${command} ${args.join(' ')} failed\n`);
  process.exit(1);
}

/** The time of the newest of these files, and of the files below these folders; 0 without a file. */
function newest(...paths) {
  return paths.reduce((time, path) => {
    if (!existsSync(path)) return time;
    const { mtimeMs } = statSync(path);
    if (!statSync(path).isDirectory()) return Math.max(time, mtimeMs);
    const inside = readdirSync(path).filter((name) => name !== 'build' && name !== 'node_modules');
    return Math.max(time, newest(...inside.map((name) => join(path, name))));
  }, 0);
}

const packages = at('node_modules', '.package-lock.json');
if (newest(packages) < newest(at('package-lock.json'))) {
  // Not `npm ci`: it refuses a registry without an optional package of another platform. Versions and hashes are those of
  // the lock file, which is not changed.
  run('installing packages', 'npm', [
    'install',
    '--no-save',
    '--include=dev',
    '--include=optional',
    '--loglevel=error',
  ]);
}
if (!existsSync(join(nodeHome, 'bin', 'node'))) {
  process.stderr.write(`no Node for this machine (linux ${process.arch}): x64 and arm64 are supported\n`);
  process.exit(1);
}

const addon = at('native', 'build', 'Release', 'process_ancestry.node');
if (newest(addon) < newest(at('native'))) {
  run(
    'building the native collector',
    'node-gyp',
    ['rebuild', '--directory', 'native', `--nodedir=${nodeHome}`, '--jobs', 'max'],
    { withoutNpm: true },
  );
}

const dist = at('dist');
const launcher = at('dist', 'process_ancestry.ext');
if (newest(launcher) < newest(at('src'), at('tables'), at('packaging'), at('tsconfig.json'), addon)) {
  rmSync(dist, { recursive: true, force: true });
  run('compiling', 'tsc', ['-p', 'packaging/tsconfig.build.json']);
  mkdirSync(at('dist', 'native'), { recursive: true });
  cpSync(addon, at('dist', 'native', 'process_ancestry.node'));
  cpSync(at('packaging', 'sample'), at('dist', 'sample'), { recursive: true });
  run('bundling the page', 'node', ['packaging/tree_page.ts']);
  chmodSync(dist, 0o755);
}
// Made last, so that an interrupted build has none. `npm run package` replaces it with the single executable.
if (!isScript(launcher)) {
  rmSync(launcher, { force: true });
  writeFileSync(launcher, launcherText());
  // osquery loads an extension only if no other user can write the file or its folder.
  chmodSync(launcher, 0o755);
}

/** Reads only the start of the file: it may be the single executable. */
function isScript(path) {
  if (!existsSync(path)) return false;
  const file = openSync(path, 'r');
  const beginning = Buffer.alloc(2);
  readSync(file, beginning);
  closeSync(file);
  return beginning.toString() === '#!';
}

/** The file that osquery executes: a shell script that execs Node, so that pid and parent stay the same. */
function launcherText() {
  return `#!/bin/sh
# Starts the extension on the Node that the project brings. Made by packaging/build.mjs.
here=$(dirname "$(readlink -f "$0")")
[ -f "$here/src/main.js" ] || here='${dist.replaceAll("'", "'\\''")}'
node="$here/../node_modules/node-linux-${process.arch}/bin/node"
if [ ! -x "$node" ] || [ ! -f "$here/src/main.js" ]; then
  echo "process_ancestry.ext: the build that this launcher belongs to is gone from $here: run npm run build there" >&2
  exit 1
fi
exec "$node" ${Object.keys(v8Options).join(' ')} --disable-warning=ExperimentalWarning --enable-source-maps "$here/src/main.js" "$@"
`;
}
