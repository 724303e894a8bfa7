/** One rule of process_ancestry_ignore: fields that must all match. */

import { Glob, GlobError } from './glob.ts';
import type { EntryType } from './process.ts';

export class IgnoreError extends Error {
  override readonly name = 'IgnoreError';
}

/** The facts of a container that rules compare. */
export interface KnownContainer {
  readonly image?: string | undefined;
  readonly pod?: { readonly namespace?: string | undefined } | undefined;
}

/** Which paths count: those of any root, or only those of the host. */
export type Paths = 'any' | 'host';

/** What rules compare. What is not known is undefined or '', and matches nothing. */
export interface IgnoreFacts {
  readonly uid: number | undefined;
  readonly entryType: EntryType;
  readonly cgroupPath: string;
  /** Undefined outside containers of root. */
  readonly container: KnownContainer | undefined;
  readonly cwd: string;
  /** Separated by NUL. */
  readonly args: string;
  /** Separated by spaces. */
  readonly cmdline: string;
  /** Keys of the ancestor_path that the path of an ancestor matches. */
  readonly ancestorPaths: ReadonlySet<string>;
  path(paths: Paths): string;
  parentPath(paths: Paths): string;
}

const FIELDS = [
  'path',
  'cmdline',
  'cwd',
  'uid',
  'parent_path',
  'ancestor_path',
  'entry_type',
  'cgroup_path',
  'container_image',
  'pod_namespace',
] as const;
type Field = (typeof FIELDS)[number];
type Fields = Readonly<Partial<Record<Field, unknown>>>;

/** Alone, they do not choose a subtree: any user sets them, or too many processes share a value. */
const DO_NOT_CHOOSE_SUBTREE: readonly Field[] = ['cmdline', 'cwd', 'uid', 'entry_type'];
/** Fields that root sets. A rule with one of them may name paths of another root, such as a container's. */
const PLACES: readonly Field[] = ['cgroup_path', 'entry_type', 'container_image', 'pod_namespace'];
/** A pattern that nearly every value matches: * or /*, for example. */
const MATCHES_MOST = /^[/*?]*[*?][/*?]*$/;
/** Each type of an entry that is known. */
const ENTRY_TYPES: readonly EntryType[] = ['init', 'kthread', 'sshd', 'ssm', 'container', 'terminal', 'console'];
const UID_MAX = 4_294_967_294;
const RULE_LENGTH_MAX = 4096;

export class IgnoreRule {
  /** The rule as JSON. */
  readonly text: string;
  /** Whether descendants of what matches are ignored too. */
  readonly descendants: boolean;
  readonly ancestorPath: AncestorPath | undefined;
  /** Events that it has ignored. */
  ignored = 0;
  readonly #paths: Paths;
  readonly #uid: number | undefined;
  readonly #entryType: EntryType | undefined;
  readonly #path: Glob | undefined;
  readonly #parentPath: Glob | undefined;
  readonly #cgroupPath: Glob | undefined;
  readonly #containerImage: Glob | undefined;
  readonly #podNamespace: Glob | undefined;
  readonly #cwd: Glob | undefined;
  readonly #cmdline: Glob | undefined;

  /** @throws {IgnoreError} says what is wrong with the rule */
  constructor(value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new IgnoreError('is no object');
    this.text = JSON.stringify(value);
    if (this.text.length > RULE_LENGTH_MAX) throw new IgnoreError(`is longer than ${RULE_LENGTH_MAX} characters`);
    const { descendants = false, ...fields } = value as Fields & { readonly descendants?: unknown };
    if (typeof descendants !== 'boolean') throw new IgnoreError('descendants is not true or false');
    const narrow = narrowFields(fields);
    if (descendants && narrow.every((name) => DO_NOT_CHOOSE_SUBTREE.includes(name)))
      throw new IgnoreError(
        `descendants needs more than ${DO_NOT_CHOOSE_SUBTREE.join(', ')}, and patterns of only * and ?`,
      );
    this.descendants = descendants;
    this.#paths = PLACES.some((name) => narrow.includes(name)) ? 'any' : 'host';
    this.#uid = uidIn(fields);
    this.#entryType = entryTypeIn(fields);
    this.#path = globIn(fields, 'path');
    this.#parentPath = globIn(fields, 'parent_path');
    this.#cgroupPath = globIn(fields, 'cgroup_path');
    this.#containerImage = globIn(fields, 'container_image');
    this.#podNamespace = globIn(fields, 'pod_namespace');
    this.#cwd = globIn(fields, 'cwd');
    const ancestorPath = globIn(fields, 'ancestor_path');
    this.ancestorPath = ancestorPath && new AncestorPath(ancestorPath, this.#paths);
    this.#cmdline = globIn(fields, 'cmdline');
  }

  /** Compares what is cheap first. */
  matches(facts: IgnoreFacts): boolean {
    return (
      (this.#uid === undefined || this.#uid === facts.uid) &&
      (this.#entryType === undefined || this.#entryType === facts.entryType) &&
      (this.#path === undefined || this.#path.matches(facts.path(this.#paths))) &&
      (this.#parentPath === undefined || this.#parentPath.matches(facts.parentPath(this.#paths))) &&
      (this.#cgroupPath === undefined || this.#cgroupPath.matches(facts.cgroupPath)) &&
      (this.#containerImage === undefined || this.#containerImage.matches(facts.container?.image ?? '')) &&
      (this.#podNamespace === undefined || this.#podNamespace.matches(facts.container?.pod?.namespace ?? '')) &&
      (this.#cwd === undefined || this.#cwd.matches(facts.cwd)) &&
      (this.ancestorPath === undefined || facts.ancestorPaths.has(this.ancestorPath.key)) &&
      (this.#cmdline === undefined || matchesCmdline(this.#cmdline, facts))
    );
  }
}

/** The arguments become one text only for a pattern that needs it. */
function matchesCmdline(glob: Glob, facts: IgnoreFacts): boolean {
  return glob.mayMatch(facts.args) && glob.matches(glob.seesSpaces ? facts.cmdline : facts.args);
}

/** The field ancestor_path of a rule. Fields with the same key match the same. */
export class AncestorPath {
  readonly glob: Glob;
  readonly paths: Paths;
  readonly key: string;

  constructor(glob: Glob, paths: Paths) {
    this.glob = glob;
    this.paths = paths;
    this.key = `${paths} ${glob.pattern}`;
  }
}

/** The fields that most processes do not match. */
function narrowFields(fields: Fields): readonly Field[] {
  const list = FIELDS.join(', ');
  const names = Object.keys(fields);
  const unknown = names.find((name) => !FIELDS.some((field) => field === name));
  if (unknown !== undefined) throw new IgnoreError(`${JSON.stringify(unknown)} is no field: ${list}, descendants`);
  if (names.length === 0) throw new IgnoreError(`has no field, and would ignore everything: ${list}`);
  const narrow = FIELDS.filter((name) => fields[name] !== undefined && !MATCHES_MOST.test(String(fields[name])));
  if (narrow.length === 0)
    throw new IgnoreError('would ignore nearly everything: a pattern of only * and ? does not count as a field');
  return narrow;
}

function globIn(fields: Fields, name: Field): Glob | undefined {
  const pattern = fields[name];
  if (pattern === undefined) return undefined;
  if (typeof pattern !== 'string' || pattern === '') throw new IgnoreError(`${name} is not a text with a GLOB pattern`);
  try {
    return new Glob(pattern);
  } catch (error) {
    if (error instanceof GlobError) throw new IgnoreError(`${name}: ${error.message}`);
    throw error;
  }
}

function uidIn({ uid }: Fields): number | undefined {
  if (uid === undefined) return undefined;
  if (typeof uid === 'number' && Number.isInteger(uid) && uid >= 0 && uid <= UID_MAX) return uid;
  throw new IgnoreError('uid is not the number of a user');
}

function entryTypeIn({ entry_type: given }: Fields): EntryType | undefined {
  if (given === undefined) return undefined;
  const type = ENTRY_TYPES.find((one) => one === given);
  if (type === undefined) throw new IgnoreError(`entry_type is not one of ${ENTRY_TYPES.join(', ')}`);
  return type;
}
