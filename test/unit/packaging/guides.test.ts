/** The guides in packaging/ name only existing things. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { NO_DETAILS } from '../../../src/collect/event.ts';
import { CHECKS } from '../../../src/commands/doctor/doctor.ts';
import { flagNames } from '../../../src/config/flags.ts';
import { resolveFlags } from '../../../src/config/settings.ts';
import { parseIgnoreRules } from '../../../src/process/ignore.ts';
import { parseRedactPatterns, redact } from '../../../src/process/redact.ts';
import type { RedactPattern } from '../../../src/process/redact_pattern.ts';
import { columns } from '../../../tables/process_ancestry_events.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const guides = globSync('packaging/**/README.md', { cwd: root }).toSorted();
/** Of metrics, which have names of their own. */
const METRICS = ['packaging/prometheus/README.md', 'packaging/grafana/README.md'];
const TABLES = ['process_ancestry_events', 'process_ancestry_subscribers', 'process_ancestry_cache_stats'];
/** Words of osquery, auditd, systemd and Ansible in the guides on operation, which no source of ours has. */
const OTHERS = ['any_errors_fatal', 'group_vars', 'roles_path', 'num_logs', 'max_log_file', 'lib_t', 'tmpfs_t'].concat(
  [
    'netlink_audit_socket',
    'netlink_connector_socket',
    'nlmsg_read',
    'nlmsg_write',
    'unconfined_service_t',
    'socket_type',
  ],
  ['disable_audit', 'audit_set_pid'],
);
const OPERATION = guides.filter((path) => /packaging\/(ansible|operations|systemd)\//.test(path));

const sources = globSync('{src,tables,native,packaging/ansible/roles}/**/*.{ts,cc,h,yml}', { cwd: root })
  .filter((path) => !path.startsWith('native/build'))
  .map(read)
  .join('\n');

/** Names of queries that Fleet runs. */
const reports = globSync('packaging/fleet/**/*.yml', { cwd: root })
  .flatMap((path) => [...read(path).matchAll(/^ *-? ?name: (process_ancestry_\w+)$/gm)])
  .map(([, name = '']) => name);

test.each(guides.filter((path) => !METRICS.includes(path)))('%s names only flags and tables that exist', (path) => {
  const named = [
    ...read(path).matchAll(/(?<![\w./-])(?:custom_)?(process_ancestry_[a-z_]+[a-z])(?![\w/-]|\.(?:json|prom|sock))/g),
  ];
  const known = new Set<string>([...flagNames, ...TABLES, ...reports]);
  expect(named.map(([, name = '']) => name).filter((name) => !known.has(name))).toEqual([]);
});

test.each(guides)('%s has links to existing files only', (path) => {
  const targets = [...read(path).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target = '']) => target);
  const missing = targets.filter((target) => !existsSync(join(root, dirname(path), target)));
  expect(missing.map((target) => `${target} from ${relative(root, path)}`)).toEqual([]);
});

test('every column of process_ancestry_events is in the table of who could forge it, once', () => {
  const [, table = ''] = /<!-- forgeries -->([\s\S]*)<!-- end of forgeries -->/.exec(
    read('packaging/operations/README.md'),
  ) ?? [''];
  const rows = table.split('\n').filter((line) => line.startsWith('| `'));
  const named = rows.flatMap((line) =>
    [...(line.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
  );
  expect(named.toSorted()).toEqual(columns.map(({ name }) => name).toSorted());
});

test.each(OPERATION)('%s has columns, checks, problems and variables by their names', (path) => {
  const words = [...read(path).matchAll(/`([a-z]+(?:_[a-z0-9]+)+)`/g)].map(([, word = '']) => word);
  expect(words.length).toBeGreaterThan(0);
  expect(words.filter((word) => !OTHERS.includes(word) && !sources.includes(word))).toEqual([]);
});

describe('packaging/operations/README.md', () => {
  const text = read('packaging/operations/README.md');

  test("has each of doctor's checks, in their order", () => {
    const [, table = ''] = text.split(/## Troubleshooting|### Columns that users can forge/);
    const told = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, id]) => id);
    expect(told).toEqual(CHECKS.map(({ id }) => id));
  });

  test('has patterns that redact secrets and nothing else', () => {
    const [, json = ''] = /```json\n(.*?)```/s.exec(text) ?? [];
    const file = JSON.parse(json) as Record<string, unknown>;
    const resolved = resolveFlags({ commandLine: new Map(), environment: {}, osqueryOptions: new Map(), file });
    expect(resolved.errors).toEqual([]);
    const patterns = parseRedactPatterns(resolved.values.process_ancestry_redact);
    const args = [
      'curl',
      '-H',
      'Authorization: Bearer abc.def',
      'https://joe:hunter2@example.org/',
      '--password=s3cret',
      'x',
    ];
    expect(redactedArguments(args, patterns)).toEqual([
      'curl',
      '-H',
      'Authorization: Bearer ***',
      'https://joe:***@example.org/',
      '--password=***',
      'x',
    ]);
  });
});

test('packaging/operations/README.md has rules of process_ancestry_ignore that are accepted', () => {
  const [, json = ''] =
    /```json\n(\{\n {2}"process_ancestry_ignore".*?)```/s.exec(read('packaging/operations/README.md')) ?? [];
  const file = JSON.parse(json) as Record<string, unknown>;
  const resolved = resolveFlags({ commandLine: new Map(), environment: {}, osqueryOptions: new Map(), file });
  expect(resolved.errors).toEqual([]);
  expect(parseIgnoreRules(resolved.values.process_ancestry_ignore)?.all).toHaveLength(3);
});

function redactedArguments(args: readonly string[], patterns: readonly RedactPattern[]): readonly string[] {
  return redact({ ...NO_DETAILS, args: args.join('\0') }, patterns).args.split('\0');
}
