/**
 * Downloads one file of a Debian package, of any release and architecture, with an apt configuration that is independent of
 * this machine's.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ownMirror } from '../hosts/debian_mirror.ts';

const CACHE = fileURLToPath(new URL('../../node_modules/.cache/process-ancestry', import.meta.url));
const KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg';

export interface Wanted {
  readonly release: string;
  /** Debian's name: amd64. */
  readonly architecture: string;
  readonly package: string;
  /** tar's pattern, beginning with ./. */
  readonly file: string;
}

/** The path of a copy, downloaded once. Delete the cache for a newer one. */
export async function fileOfPackage(wanted: Wanted): Promise<string> {
  const cached = join(CACHE, `${wanted.package}-${wanted.release}-${wanted.architecture}`);
  if (existsSync(cached)) return cached;
  const folder = mkdtempSync(join(tmpdir(), 'pa-apt-'));
  try {
    await download(wanted, folder);
    mkdirSync(CACHE, { recursive: true });
    const copy = `${cached}.${process.pid}`;
    const script = 'dpkg-deb --fsys-tarfile "$1" | tar -xO --wildcards "$2" >"$3" && test -s "$3"';
    await run('sh', ['-c', script, 'sh', join(folder, onlyPackage(folder)), wanted.file, copy]);
    renameSync(copy, cached);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return cached;
}

const run = async (command: string, args: readonly string[], cwd?: string) =>
  (await promisify(execFile)(command, args, { ...(cwd === undefined ? {} : { cwd }), maxBuffer: 1 << 26 })).stdout;

async function download({ release, architecture, package: name }: Wanted, folder: string): Promise<void> {
  for (const empty of ['lists/partial', 'archives/partial']) mkdirSync(join(folder, empty), { recursive: true });
  writeFileSync(join(folder, 'status'), '');
  const source = `deb [arch=${architecture} signed-by=${KEYS}] ${ownMirror()} ${release} main\n`;
  writeFileSync(join(folder, 'sources.list'), source);
  const settings = {
    'Dir::Etc::sourcelist': join(folder, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': folder,
    'APT::Architecture': architecture,
    'APT::Architectures::': architecture,
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    // A mirror may fail once.
    'Acquire::Retries': '5',
  };
  const options = ['-qq', ...Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`])];
  await run('apt-get', [...options, 'update']);
  const said = await run('apt-cache', [...options, '--no-all-versions', 'show', name]);
  // The newest kernel is the dependency of a package without files.
  const [, kernel = name] = /^Depends: (linux-image-\d\S*)/m.exec(said) ?? [];
  await run('apt-get', [...options, 'download', kernel], folder);
}

function onlyPackage(folder: string): string {
  const [name] = readdirSync(folder).filter((entry) => entry.endsWith('.deb'));
  if (name === undefined) throw new Error('apt-get download left no package');
  return name;
}
