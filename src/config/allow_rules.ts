/** The rules of process_ancestry_allow: which rows the detections leave out. */

/** Fields that a rule may have beside `detection`, each a GLOB of SQLite; and whether its subject can choose the value. */
const FIELDS = {
  path: { isClaim: false },
  parent_path: { isClaim: false },
  ancestor_path: { isClaim: false },
  entry_type: { isClaim: false },
  cgroup_path: { isClaim: false },
  cmdline: { isClaim: true },
  cwd: { isClaim: true },
} as const;

type Field = keyof typeof FIELDS;

/** All fields must match. */
export type AllowRule = { readonly detection: string; readonly uid?: number } & { readonly [field in Field]?: string };

/** Each row that a detection finds is compared with each rule. */
const RULES_MAX = 1000;
const PATTERN_MAX = 4096;

/** A JSON array of rules; an empty text is none. Throws for a bad rule; the message has its number. */
export function parseAllowRules(text: string): readonly AllowRule[] {
  if (text.trim() === '') return [];
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new Error('process_ancestry_allow is no JSON: write [{"detection": "miner", "path": "/opt/…"}, …]');
  }
  if (!Array.isArray(parsed)) throw new Error('process_ancestry_allow is no JSON array of rules');
  if (parsed.length > RULES_MAX) throw new Error(`process_ancestry_allow has more than ${RULES_MAX} rules`);
  return parsed.map((rule: unknown, index) => {
    const problem = problemOf(rule);
    if (problem) throw new Error(`process_ancestry_allow: rule ${index + 1}: ${problem}: ${JSON.stringify(rule)}`);
    return rule as AllowRule;
  });
}

function problemOf(rule: unknown): string | undefined {
  if (typeof rule !== 'object' || rule === null || Array.isArray(rule)) return 'not an object';
  const { detection, uid, ...others } = rule as Record<string, unknown>;
  if (!isPattern(detection)) return '"detection" must be the name of a detection, or a GLOB of names';
  if (uid !== undefined && !(Number.isInteger(uid) && Number(uid) >= 0)) return '"uid" must be a user ID';
  for (const [name, value] of Object.entries(others)) {
    if (!Object.hasOwn(FIELDS, name)) return `no such field as "${name}" (${Object.keys(FIELDS).join(', ')}, uid)`;
    if (!isPattern(value)) return `"${name}" must be a text of 1 to ${PATTERN_MAX} characters`;
  }
  const names = Object.keys(others) as Field[];
  const onlyClaims = names.length > 0 && uid === undefined && names.every((name) => FIELDS[name].isClaim);
  return onlyClaims
    ? 'any user can have this cmdline or cwd: add a uid, a path, an entry_type or a cgroup_path'
    : undefined;
}

function isPattern(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= PATTERN_MAX;
}
