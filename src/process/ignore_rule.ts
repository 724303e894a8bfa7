/** One rule of process_ancestry_ignore: fields that must all match. */

import { Glob, GlobError } from './glob.ts';
import type { EntryType } from './process.ts';

export class IgnoreError extends Error {
  override readonly name = 'IgnoreError';
}

/** What rules compare. What is not known is undefined or '', and matches nothing. */
export interface IgnoreFacts {
  readonly uid: number | undefined;
  readonly entryType: EntryType;
  readonly path: string;
  readonly parentPath: string;
  readonly cgroupPath: string;
  readonly cwd: string;
  /** Separated by NUL. */
  readonly args: string;
  /** Patterns of ancestor_path that the path of an ancestor matches. */
  readonly ancestorPaths: ReadonlySet<string>;
}

const FIELDS = ['path', 'cmdline', 'cwd', 'uid', 'parent_path', 'ancestor_path', 'entry_type', 'cgroup_path'] as const;
type Field = (typeof FIELDS)[number];
type Fields = Readonly<Partial<Record<Field, unknown>>>;

/** Any user sets these for any program: alone they do not choose a subtree. */
const SET_BY_ANY_USER: readonly string[] = ['cmdline', 'cwd'] satisfies Field[];
/** Each type of an entry that is known. */
const ENTRY_TYPES: readonly EntryType[] = ['init', 'kthread', 'sshd', 'ssm', 'container', 'terminal', 'console'];
const UID_MAX = 4_294_967_294;
const RULE_LENGTH_MAX = 4096;

export class IgnoreRule {
  /** The rule as JSON. */
  readonly text: string;
  /** Whether descendants of what matches are ignored too. */
  readonly descendants: boolean;
  readonly ancestorPath: Glob | undefined;
  /** Events that it has ignored. */
  ignored = 0;
  readonly #uid: number | undefined;
  readonly #entryType: EntryType | undefined;
  readonly #path: Glob | undefined;
  readonly #parentPath: Glob | undefined;
  readonly #cgroupPath: Glob | undefined;
  readonly #cwd: Glob | undefined;
  readonly #cmdline: Glob | undefined;

  /** @throws {IgnoreError} says what is wrong with the rule */
  constructor(value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new IgnoreError('is no object');
    this.text = JSON.stringify(value);
    if (this.text.length > RULE_LENGTH_MAX) throw new IgnoreError(`is longer than ${RULE_LENGTH_MAX} characters`);
    const { descendants = false, ...fields } = value as Fields & { readonly descendants?: unknown };
    if (typeof descendants !== 'boolean') throw new IgnoreError('descendants is not true or false');
    checkNames(Object.keys(fields), descendants);
    this.descendants = descendants;
    this.#uid = uidIn(fields);
    this.#entryType = entryTypeIn(fields);
    this.#path = globIn(fields, 'path');
    this.#parentPath = globIn(fields, 'parent_path');
    this.#cgroupPath = globIn(fields, 'cgroup_path');
    this.#cwd = globIn(fields, 'cwd');
    this.ancestorPath = globIn(fields, 'ancestor_path');
    this.#cmdline = globIn(fields, 'cmdline');
  }

  /** Compares what is cheap first. */
  matches(facts: IgnoreFacts): boolean {
    return (
      (this.#uid === undefined || this.#uid === facts.uid) &&
      (this.#entryType === undefined || this.#entryType === facts.entryType) &&
      (this.#path === undefined || this.#path.matches(facts.path)) &&
      (this.#parentPath === undefined || this.#parentPath.matches(facts.parentPath)) &&
      (this.#cgroupPath === undefined || this.#cgroupPath.matches(facts.cgroupPath)) &&
      (this.#cwd === undefined || this.#cwd.matches(facts.cwd)) &&
      (this.ancestorPath === undefined || facts.ancestorPaths.has(this.ancestorPath.pattern)) &&
      (this.#cmdline === undefined || this.#cmdline.matches(facts.args))
    );
  }
}

function checkNames(names: readonly string[], descendants: boolean): void {
  const list = FIELDS.join(', ');
  const unknown = names.find((name) => !FIELDS.some((field) => field === name));
  if (unknown !== undefined) throw new IgnoreError(`${JSON.stringify(unknown)} is no field: ${list}, descendants`);
  if (names.length === 0) throw new IgnoreError(`has no field, and would ignore everything: ${list}`);
  if (descendants && names.every((name) => SET_BY_ANY_USER.includes(name)))
    throw new IgnoreError('descendants needs more than cmdline and cwd, because any user sets those');
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
