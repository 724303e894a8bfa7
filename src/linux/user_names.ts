/**
 * Names of user and group ids, from /etc/passwd and /etc/group (man 5 passwd, man 5 group). The files are read at the start and
 * after each change, asynchronously and in slices. Users that are not in the files (LDAP, SSSD) have no name: looking them up can
 * block.
 */
import { createReadStream, type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

/** The present names of users and groups. */
export interface Names {
  /** Undefined for an id without a name. */
  user(uid: number): string | undefined;
  group(gid: number): string | undefined;
  /** Changes when names change. Texts that were made with an older revision are not used any more. */
  readonly revision: number;
}

export interface UserNamesOptions {
  readonly passwdPath?: string;
  readonly groupPath?: string;
  /** How often the files are checked for a change without a notification. */
  readonly checkEveryMs?: number;
  /** Maximum bytes that are read of each file. */
  readonly maxBytes?: number;
  /** Maximum names that are kept of each file. */
  readonly maxNames?: number;
}

const CHECK_EVERY_MS = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_NAMES = 100_000;
/** (uid_t)-1 means no id. */
const LAST_ID = 0xfffffffe;
/** Only the start of a line is needed: name, password and id. */
const LINE_HEAD_MAX = 1024;

export class UserNames implements Names {
  readonly #users: NamesFile;
  readonly #groups: NamesFile;
  readonly #checkEveryMs: number;
  /** The folders are watched, because the files are replaced and not written. */
  readonly #watched: ReadonlyMap<string, ReadonlySet<string>>;
  #watchers: FSWatcher[] = [];
  #timer: NodeJS.Timeout | undefined;
  #checking: Promise<void> | undefined;
  #changedMeanwhile = false;
  #revision = 0;

  constructor(options: UserNamesOptions = {}) {
    const bounds = { maxBytes: options.maxBytes ?? MAX_BYTES, maxNames: options.maxNames ?? MAX_NAMES };
    const paths = [options.passwdPath ?? '/etc/passwd', options.groupPath ?? '/etc/group'] as const;
    this.#users = new NamesFile(paths[0], bounds);
    this.#groups = new NamesFile(paths[1], bounds);
    const folders = Map.groupBy(paths, dirname);
    this.#watched = new Map([...folders].map(([folder, its]) => [folder, new Set(its.map((path) => basename(path)))]));
    this.#checkEveryMs = options.checkEveryMs ?? CHECK_EVERY_MS;
  }

  /** Resolves when both files are read. Then they are watched, without keeping the process alive. */
  async start(): Promise<void> {
    this.#watch();
    await this.check();
    this.#timer ??= setInterval(() => void this.check(), this.#checkEveryMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const watcher of this.#watchers.splice(0)) watcher.close();
  }

  /** Increases when a file is read again. */
  get revision(): number {
    return this.#revision;
  }

  /** Undefined for an id without a name. */
  user(uid: number): string | undefined {
    return this.#users.names.get(uid);
  }

  group(gid: number): string | undefined {
    return this.#groups.names.get(gid);
  }

  /** Reads changed files. Never fails: names that cannot be read are unknown, or stay as before. */
  check(): Promise<void> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async #check(): Promise<void> {
    do {
      this.#changedMeanwhile = false;
      const changed = await Promise.all([this.#users.refresh(), this.#groups.refresh()]);
      if (changed.includes(true)) this.#revision++;
    } while (this.#changedMeanwhile);
  }

  /** A new user may be used at once, so the folders are watched. If no more watches are possible, only the timer checks. */
  #watch(): void {
    if (this.#watchers.length > 0) return;
    for (const [folder, names] of this.#watched) {
      try {
        const watcher = watch(folder, { persistent: false }, (_, name) => {
          if (name !== null && !names.has(name)) return;
          this.#changedMeanwhile = true;
          void this.check();
        });
        watcher.on('error', () => watcher.close());
        this.#watchers.push(watcher);
      } catch {
        // The limit of watches is reached, or the folder does not exist.
      }
    }
  }
}

interface Bounds {
  readonly maxBytes: number;
  readonly maxNames: number;
}

class NamesFile {
  readonly #path: string;
  readonly #bounds: Bounds;
  /** The state of the file when it was last read. */
  #read = '';
  names: ReadonlyMap<number, string> = new Map();

  constructor(path: string, bounds: Bounds) {
    this.#path = path;
    this.#bounds = bounds;
  }

  /** Reads the file if it changed. Returns whether it was read. */
  async refresh(): Promise<boolean> {
    const state = await stateOf(this.#path);
    if (state === undefined || state === this.#read) return false;
    try {
      this.names = await readNames(this.#path, this.#bounds);
    } catch {
      // The file is gone or unreadable. The old names stay until the next check.
      return false;
    }
    this.#read = state;
    return true;
  }
}

/** Changes when the file is replaced or written; undefined while there is no regular file. */
async function stateOf(path: string): Promise<string | undefined> {
  try {
    const file = await stat(path, { bigint: true });
    return file.isFile() ? `${file.dev} ${file.ino} ${file.size} ${file.mtimeNs} ${file.ctimeNs}` : undefined;
  } catch {
    return undefined;
  }
}

async function readNames(path: string, { maxBytes, maxNames }: Bounds): Promise<Map<number, string>> {
  const names = new Map<number, string>();
  const file = createReadStream(path, { encoding: 'utf8', end: maxBytes - 1 });
  let line = '';
  // The event loop runs between chunks of 64 KiB.
  for await (const chunk of file as AsyncIterable<string>) {
    let from = 0;
    for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', from)) {
      addName(names, line + chunk.slice(from, Math.min(end, from + LINE_HEAD_MAX)));
      line = '';
      from = end + 1;
    }
    if (line.length < LINE_HEAD_MAX) line += chunk.slice(from, from + LINE_HEAD_MAX);
    if (names.size >= maxNames) return names;
  }
  // The bound may have cut the id of the last line.
  if (file.bytesRead < maxBytes) addName(names, line);
  return names;
}

/** As getpwuid, the first name of an id counts. A line that is broken, a comment or NIS's (+, -) has no name. */
function addName(names: Map<number, string>, line: string): void {
  const [name, , id] = line.split(':', 3);
  if (!name || /^\s*[#+-]/.test(name) || !id || !/^\d{1,10}$/.test(id)) return;
  const number = Number(id);
  // A copy: a slice would keep the whole chunk in memory.
  if (number <= LAST_ID && !names.has(number)) names.set(number, Buffer.from(name).toString());
}
