/**
 * The rules of process_ancestry_ignore: which events make no row. The tree still knows their processes, so the ancestors of other rows
 * do not change. A fact that is not certain matches no rule: the row is kept.
 */
import { type ExecDetails, NO_DETAILS } from '../collect/event.ts';
import { certainEntryTypeOf } from './entry.ts';
import {
  type AncestorPath,
  IgnoreError,
  type IgnoreFacts,
  IgnoreRule,
  type KnownContainer,
  type Paths,
} from './ignore_rule.ts';
import { CUT, cmdlineOf } from './image.ts';
import type { EntryType, IgnoreMarks, ProcessAtFork } from './process.ts';
import { hasHostsPaths } from './proof.ts';

const RULES_MAX = 100;
/** Characters of a value in an error. */
const SHOWN_MAX = 200;

/** The container of a control group; undefined if it is not known. */
type ContainerOf = (cgroupPath: string) => KnownContainer | undefined;

/**
 * A JSON array of rules; undefined for none. A rule that is also in `before` keeps its count.
 *
 * @throws {IgnoreError} names the invalid rule
 */
export function parseIgnoreRules(
  text: string,
  before?: IgnoreRules,
  containerOf: ContainerOf = () => undefined,
): IgnoreRules | undefined {
  if (text.trim() === '') return undefined;
  const values = arrayIn(text);
  if (values.length > RULES_MAX)
    throw new IgnoreError(`process_ancestry_ignore: ${values.length} rules, ${RULES_MAX} at most`);
  const rules = new Map<string, IgnoreRule>();
  for (const [at, value] of values.entries()) {
    const rule = ruleOf(value, at + 1);
    rule.ignored = before?.all.find((one) => one.text === rule.text)?.ignored ?? 0;
    rules.set(rule.text, rule);
  }
  checkRepeated(text, values);
  return rules.size === 0 ? undefined : new IgnoreRules([...rules.values()], containerOf);
}

function arrayIn(text: string): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed)) return parsed;
  } catch {
    // Thrown below.
  }
  throw new IgnoreError(
    `process_ancestry_ignore: ${shown(text)} is no JSON array of rules: write [{"path":"/usr/bin/true"}]`,
  );
}

function ruleOf(value: unknown, number: number): IgnoreRule {
  try {
    return new IgnoreRule(value);
  } catch (error) {
    if (!(error instanceof IgnoreError)) throw error;
    throw new IgnoreError(`process_ancestry_ignore: rule ${number}, ${shown(value)}: ${error.message}`);
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}${CUT}` : text;
}

/** JSON.parse keeps the last of two fields with one name. All values of valid rules are texts, numbers or booleans. */
function checkRepeated(text: string, rules: readonly unknown[]): void {
  const strings = text.match(/"(?:[^"\\]|\\.)*"(?:\s*:)?/g) ?? [];
  const names = strings.filter((string) => string.endsWith(':'));
  if (names.length > rules.flatMap((rule) => Object.keys(Object(rule))).length)
    throw new IgnoreError('process_ancestry_ignore: a rule has the same field twice');
}

export class IgnoreRules {
  readonly all: readonly IgnoreRule[];
  readonly #ofSubtrees: readonly IgnoreRule[];
  /** Each once. */
  readonly #ancestorPaths: readonly AncestorPath[];
  readonly #unmarked: IgnoreMarks;
  readonly #facts: Facts;

  constructor(rules: readonly IgnoreRule[], containerOf: ContainerOf) {
    this.all = rules;
    this.#ofSubtrees = rules.filter(({ descendants }) => descendants);
    const ancestorPaths = rules.flatMap(({ ancestorPath }) => ancestorPath ?? []);
    this.#ancestorPaths = [...new Map(ancestorPaths.map((one) => [one.key, one])).values()];
    this.#unmarked = { rules: this, subtreeOf: undefined, paths: new Set() };
    this.#facts = new Facts(this.#unmarked, containerOf);
  }

  /** Whether an event of a process makes no row. Counts it. Only for settled processes, and if no event was lost. `cgroup` is '' if unknown. */
  ignores(atFork: ProcessAtFork, cgroup: string): boolean {
    const usesAncestors = this.#ofSubtrees.length > 0 || this.#ancestorPaths.length > 0;
    const above = usesAncestors ? this.#marksOf(certainCreatorOf(atFork)) : this.#unmarked;
    const rule = above.subtreeOf ?? this.#firstOf(this.all, atFork, cgroup, above);
    if (!rule) return false;
    rule.ignored++;
    return true;
  }

  #firstOf(
    rules: readonly IgnoreRule[],
    atFork: ProcessAtFork,
    cgroup: string,
    above: IgnoreMarks,
  ): IgnoreRule | undefined {
    const facts = this.#facts;
    facts.set(atFork, cgroup, above);
    for (const rule of rules) if (rule.matches(facts)) return rule;
    return undefined;
  }

  /** Marks the ancestors from the top down. A loop and no recursion: a chain may be a thousand long. */
  #marksOf(atFork: ProcessAtFork | undefined): IgnoreMarks {
    if (atFork?.ignoreMarks?.rules === this) return atFork.ignoreMarks;
    const pending: ProcessAtFork[] = [];
    let one = atFork;
    for (; one && one.ignoreMarks?.rules !== this; one = certainCreatorOf(one)) pending.push(one);
    let marks = one?.ignoreMarks ?? this.#unmarked;
    for (let lower = pending.pop(); lower; lower = pending.pop()) {
      marks = this.#marked(lower, marks);
      lower.ignoreMarks = marks;
      // From now on its creator does not change (see ProcessTable.fork).
      lower.process.isTold = true;
    }
    return marks;
  }

  #marked(atFork: ProcessAtFork, above: IgnoreMarks): IgnoreMarks {
    // All processes descend from init or kthreadd.
    if (above.subtreeOf || atFork.process.creatorState === 'top') return above;
    const subtreeOf = this.#firstOf(this.#ofSubtrees, atFork, atFork.cgroup, above);
    let { paths } = above;
    for (const ancestorPath of this.#ancestorPaths) {
      const { glob, key } = ancestorPath;
      if (paths.has(key) || !glob.matches(pathOf(atFork, ancestorPath.paths))) continue;
      paths = new Set([...paths, key]);
    }
    return subtreeOf || paths !== above.paths ? { rules: this, subtreeOf, paths } : above;
  }
}

/** The facts of one process at a time. */
class Facts implements IgnoreFacts {
  cgroupPath = '';
  ancestorPaths: ReadonlySet<string>;
  #atFork: ProcessAtFork | undefined;
  readonly #containerOf: ContainerOf;
  #details = NO_DETAILS;
  #hostsPath = '';
  #cmdline: string | undefined;

  constructor({ paths }: IgnoreMarks, containerOf: ContainerOf) {
    this.ancestorPaths = paths;
    this.#containerOf = containerOf;
  }

  set(atFork: ProcessAtFork, cgroup: string, { paths }: IgnoreMarks): void {
    this.cgroupPath = cgroup;
    this.ancestorPaths = paths;
    this.#atFork = atFork;
    this.#details = certainDetailsOf(atFork);
    this.#hostsPath = hasHostsPaths(atFork) ? this.#details.path : '';
    this.#cmdline = undefined;
  }

  get uid(): number | undefined {
    return this.#details.uid;
  }

  get cwd(): string {
    return this.#details.cwd;
  }

  get args(): string {
    const { args, argsCut } = this.#details;
    return argsCut ? args + CUT : args;
  }

  /** Made once: it may be long. */
  get cmdline(): string {
    this.#cmdline ??= cmdlineOf(this);
    return this.#cmdline;
  }

  get container(): KnownContainer | undefined {
    return this.cgroupPath === '' ? undefined : this.#containerOf(this.cgroupPath);
  }

  get entryType(): EntryType {
    return this.#atFork ? certainEntryTypeOf(this.#atFork) : 'unknown';
  }

  path(paths: Paths): string {
    return paths === 'any' ? this.#details.path : this.#hostsPath;
  }

  parentPath(paths: Paths): string {
    const creator = this.#atFork && certainCreatorOf(this.#atFork);
    return creator ? pathOf(creator, paths) : '';
  }
}

/** After a loss of events, details may belong to another exec of the same pid. */
function certainDetailsOf({ image }: ProcessAtFork): ExecDetails {
  return image.known ? image.details : NO_DETAILS;
}

/** '' if unknown. */
function pathOf(atFork: ProcessAtFork, paths: Paths): string {
  return paths === 'any' || hasHostsPaths(atFork) ? certainDetailsOf(atFork).path : '';
}

/** /proc shows only the present parent, which may be another process or run another program than at the fork. */
function certainCreatorOf({ process }: ProcessAtFork): ProcessAtFork | undefined {
  return process.isForkCertain ? process.creator : undefined;
}
