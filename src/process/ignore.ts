/**
 * The rules of process_ancestry_ignore: which events make no row. The tree still knows their processes, so the ancestors of other rows
 * do not change. A fact that is not certain matches no rule: the row is kept.
 */
import { type ExecDetails, NO_DETAILS } from '../collect/event.ts';
import { entryOf } from './entry.ts';
import type { Glob } from './glob.ts';
import { IgnoreError, type IgnoreFacts, IgnoreRule } from './ignore_rule.ts';
import { CUT } from './image.ts';
import type { EntryType, IgnoreMarks, ProcessAtFork } from './process.ts';

const RULES_MAX = 100;

/**
 * A JSON array of rules; undefined for none. A rule that is also in `before` keeps its count.
 *
 * @throws {IgnoreError} names the invalid rule
 */
export function parseIgnoreRules(text: string, before?: IgnoreRules): IgnoreRules | undefined {
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
  return rules.size === 0 ? undefined : new IgnoreRules([...rules.values()]);
}

function arrayIn(text: string): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed)) return parsed;
  } catch {
    // Thrown below.
  }
  throw new IgnoreError(
    `process_ancestry_ignore: ${JSON.stringify(text)} is no JSON array of rules: write [{"path":"/usr/bin/true"}]`,
  );
}

function ruleOf(value: unknown, number: number): IgnoreRule {
  try {
    return new IgnoreRule(value);
  } catch (error) {
    if (!(error instanceof IgnoreError)) throw error;
    throw new IgnoreError(`process_ancestry_ignore: rule ${number}, ${JSON.stringify(value)}: ${error.message}`);
  }
}

export class IgnoreRules {
  readonly all: readonly IgnoreRule[];
  readonly #ofSubtrees: readonly IgnoreRule[];
  /** The patterns of ancestor_path, each once. */
  readonly #ancestorPaths: readonly Glob[];
  readonly #unmarked: IgnoreMarks;
  readonly #facts: Facts;

  constructor(rules: readonly IgnoreRule[]) {
    this.all = rules;
    this.#ofSubtrees = rules.filter(({ descendants }) => descendants);
    const globs = rules.flatMap(({ ancestorPath }) => ancestorPath ?? []);
    this.#ancestorPaths = [...new Map(globs.map((glob) => [glob.pattern, glob])).values()];
    this.#unmarked = { rules: this, subtreeOf: undefined, paths: new Set() };
    this.#facts = new Facts(this.#unmarked);
  }

  /** Whether an event of a process makes no row. Counts it. Only for settled processes. `cgroup` is '' if unknown. */
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
    if (above.subtreeOf) return above;
    const cgroup = atFork.image.details.cgroup || atFork.process.cgroup;
    const subtreeOf = this.#firstOf(this.#ofSubtrees, atFork, cgroup, above);
    let { paths } = above;
    for (const glob of this.#ancestorPaths) {
      if (paths.has(glob.pattern) || !glob.matches(pathOf(atFork))) continue;
      paths = new Set([...paths, glob.pattern]);
    }
    return subtreeOf || paths !== above.paths ? { rules: this, subtreeOf, paths } : above;
  }
}

/** The facts of one process at a time. */
class Facts implements IgnoreFacts {
  uid: number | undefined;
  path = '';
  cwd = '';
  args = '';
  cgroupPath = '';
  ancestorPaths: ReadonlySet<string>;
  #atFork: ProcessAtFork | undefined;

  constructor({ paths }: IgnoreMarks) {
    this.ancestorPaths = paths;
  }

  set(atFork: ProcessAtFork, cgroup: string, { paths }: IgnoreMarks): void {
    const details = certainDetailsOf(atFork);
    this.uid = details.uid;
    this.path = details.path;
    this.cwd = details.cwd;
    this.args = details.argsCut ? details.args + CUT : details.args;
    this.cgroupPath = cgroup;
    this.ancestorPaths = paths;
    this.#atFork = atFork;
  }

  get entryType(): EntryType {
    return this.#atFork ? entryOf(this.#atFork).type : 'unknown';
  }

  get parentPath(): string {
    const creator = this.#atFork && certainCreatorOf(this.#atFork);
    return creator ? pathOf(creator) : '';
  }
}

/** After a loss of events, details may belong to another exec of the same pid. */
function certainDetailsOf({ image }: ProcessAtFork): ExecDetails {
  return image.known ? image.details : NO_DETAILS;
}

function pathOf(atFork: ProcessAtFork): string {
  return certainDetailsOf(atFork).path;
}

/** The creator, if an event or /proc reported it. */
function certainCreatorOf({ process }: ProcessAtFork): ProcessAtFork | undefined {
  return process.creatorState === 'likely' ? undefined : process.creator;
}
