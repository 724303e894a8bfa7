/**
 * Names of user and group ids, from /etc/passwd and /etc/group (man 5 passwd, man 5 group). They are read at the start
 * and again once they changed, off the event loop and in slices; a lookup is that of a map. Users that are not in the
 * files (LDAP, SSSD) have no name here: to ask for them can block.
 */
import { createReadStream, type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

/** Of users and groups, as they are called now. */
export interface Names {
  /** Undefined for an id without a name. */
  user(uid: number): string | undefined;
  group(gid: number): string | undefined;
  /** Another one when names have changed: what was made with those from before is not used any more. */
  readonly revision: number;
}

export interface UserNamesOptions {
  readonly passwdPath?: string;
  readonly groupPath?: string;
  /** How often the files are looked at for a change that was not told. */
  readonly checkEveryMs?: number;
  /** Bytes of each file that are read. */
  readonly maxBytes?: number;
  /** Names of each file that are kept. */
  readonly maxNames?: number;
}

const CHECK_EVERY_MS = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_NAMES = 100_000;
/** (uid_t)-1 means no id. */
const LAST_ID = 0xfffffffe;
/** Name, password and id come first in a line, members of a group after them. */
const LINE_HEAD_MAX = 1024;

export class UserNames implements Names {
  readonly #users: NamesFile;
  readonly #groups: NamesFile;
  readonly #checkEveryMs: number;
  /** Of the folders: the files are replaced rather than written. */
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

  /** Resolves when both files were read. From then on they are watched, without keeping the process alive. */
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

  /** Goes up whenever a file was read again: what was rendered with the names from before is out of date. */
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

  /** Reads what changed since the last time. Never fails: names that cannot be read are unknown, or stay as they were. */
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

  /** Who is made may be used at once. Where the kernel watches no more folders, the timer does. */
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
        // As many as a user may have are in use, or the folder is not there.
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
  /** What the file was when it was last read. */
  #read = '';
  names: ReadonlyMap<number, string> = new Map();

  constructor(path: string, bounds: Bounds) {
    this.#path = path;
    this.#bounds = bounds;
  }

  /** Whether it was read again. */
  async refresh(): Promise<boolean> {
    const state = await stateOf(this.#path);
    if (state === undefined || state === this.#read) return false;
    try {
      this.names = await readNames(this.#path, this.#bounds);
    } catch {
      // Gone or unreadable since: the next check tells, and until then the names from before are the best there is.
      return false;
    }
    this.#read = state;
    return true;
  }
}

/** Other whenever the file is another or was written; undefined while there is no plain file. */
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
  // The event loop turns between chunks, of 64 KiB each.
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
  // Where the bound has cut a line, its id may be another's.
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
