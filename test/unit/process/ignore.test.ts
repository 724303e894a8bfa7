/** The rules of process_ancestry_ignore: what makes no row, and what stays as it is. */
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ExecDetails } from '../../../src/collect/event.ts';
import { parseIgnoreRules } from '../../../src/process/ignore.ts';
import type { Action } from '../../../src/process/pending_event.ts';
import type { PublishedEvent } from '../../../src/process/tree.ts';
import { happening, play } from './happenings.ts';
import { KernelModel } from './kernel_model.ts';
import { ancestorsOf, TreeHarness, told } from './tree_harness.ts';

type Rule = Readonly<Record<string, unknown>>;
const ignoring = (...rules: readonly Rule[]) => parseIgnoreRules(JSON.stringify(rules));
const cmdlines = ({ published }: TreeHarness) => published.map((row) => told(row).cmdline);
const ALL: ReadonlySet<Action> = new Set(['exec', 'fork', 'setsid', 'exit', 'existing']);

interface Program {
  readonly cmdline: string;
  readonly more?: Partial<ExecDetails>;
}

/** Programs below each other, the first below init. */
function chainOf(...programs: readonly (string | Program)[]): KernelModel {
  const kernel = new KernelModel();
  for (const [i, program] of programs.entries()) {
    const { cmdline, more } = typeof program === 'string' ? { cmdline: program, more: {} } : program;
    kernel.fork(i === 0 ? 1 : 9 + i, 10 + i);
    kernel.exec(10 + i, cmdline, more);
  }
  return kernel;
}

const rowsWith = (rule: Rule, ...programs: readonly (string | Program)[]) =>
  cmdlines(new TreeHarness({ ignore: ignoring(rule) }).run(chainOf(...programs)));

describe('a rule', () => {
  const job: Program = { cmdline: 'job --fast a', more: { uid: 33, cwd: '/srv/www', cgroup: '/system.slice/job' } };

  test.each<[string, Rule]>([
    ['path', { path: '/bin/job' }],
    ['path, as a pattern', { path: '/*/jo[a-b]' }],
    ['cmdline', { cmdline: 'job --fast ?' }],
    ['cwd', { cwd: '/srv/*' }],
    ['uid', { uid: 33 }],
    ['parent_path', { parent_path: '/bin/shell' }],
    ['ancestor_path of the creator', { ancestor_path: '/bin/shell' }],
    ['ancestor_path of an earlier one', { ancestor_path: '/bin/daemon' }],
    ['cgroup_path', { cgroup_path: '/system.slice/*' }],
    ['all of them', { path: '*job', cmdline: 'job*', cwd: '/srv/www', uid: 33, parent_path: '*shell' }],
  ])('by %s ignores what it matches', (_, rule) => {
    expect(rowsWith({ ...rule, uid: 33 }, 'daemon', 'shell', job, 'child')).toEqual(['daemon', 'shell', 'child']);
  });

  test.each<[string, Rule]>([
    ['path', { path: '/bin/jo[^b]' }],
    ['cmdline', { cmdline: 'job' }],
    ['cwd', { cwd: '/srv' }],
    ['uid', { uid: 34 }],
    ['parent_path', { parent_path: '/bin/daemon' }],
    ['ancestor_path', { ancestor_path: '/bin/job' }],
    ['cgroup_path', { cgroup_path: '/system.slice' }],
    ['entry_type', { entry_type: 'sshd' }],
  ])('ignores nothing if only its %s does not match', (_, wrong) => {
    const right = { path: '/bin/job', cmdline: 'job*', cwd: '/srv/www', cgroup_path: '*', entry_type: 'init' };
    expect(rowsWith({ ...right, uid: 33, ...wrong }, 'daemon', 'shell', job)).toContain(job.cmdline);
    expect(rowsWith({ ...right, uid: 33 }, 'daemon', 'shell', job)).not.toContain(job.cmdline);
  });

  test.each<Rule>([
    { path: '/bin/init', descendants: true },
    { ancestor_path: '/bin/in*', uid: 0 },
    { entry_type: 'init', ancestor_path: '/bin/init', descendants: true },
  ])('%j does not ignore all that descends from init', (rule) => {
    expect(rowsWith(rule, 'daemon', 'shell')).toEqual(['daemon', 'shell']);
  });

  test('by entry_type ignores a whole session of sshd, at any depth', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'sshd -D');
    kernel.fork(10, 11);
    kernel.setsid(11);
    kernel.exec(11, 'bash -l', { tty: 'pts/0' });
    kernel.fork(11, 12);
    kernel.exec(12, 'make');
    expect(cmdlines(new TreeHarness({ ignore: ignoring({ entry_type: 'sshd' }) }).run(kernel))).toEqual(['sshd -D']);
  });

  test('of a cgroup ignores what inherits it', () => {
    const child = { cmdline: 'child', more: { cgroup: '' } };
    expect(rowsWith({ cgroup_path: '/system.slice/*' }, 'daemon', job, child)).toEqual(['daemon']);
  });

  test('of a container ignores what runs in it, once its facts are known', () => {
    const containers = new Map<string, { image?: string; pod?: { namespace?: string } }>();
    const rows = (rule: Rule) => {
      const ignore = parseIgnoreRules(JSON.stringify([rule]), undefined, (cgroup) => containers.get(cgroup));
      const cgroup = '/docker/1';
      return cmdlines(
        new TreeHarness({ ignore }).run(chainOf('shim', { cmdline: 'job', more: { cgroup, root: '/x' } })),
      );
    };
    const rules = [
      { container_image: 'postgres:*', path: '/bin/job' },
      { pod_namespace: 'db', descendants: true },
    ];
    for (const rule of rules) expect(rows(rule)).toEqual(['shim', 'job']);
    containers.set('/docker/1', { image: 'postgres:17', pod: { namespace: 'db' } });
    for (const rule of rules) expect(rows(rule)).toEqual(['shim']);
    containers.set('/docker/1', { image: 'mysql:9', pod: {} });
    for (const rule of rules) expect(rows(rule)).toEqual(['shim', 'job']);
  });

  test('without descendants keeps the rows below; with it, ignores them at any depth and after adoption', () => {
    const kernel = () => {
      const kernel = chainOf('daemon', 'make', 'sh', 'cc');
      kernel.fork(13, 14);
      kernel.exit(13);
      kernel.exit(12);
      kernel.exec(14, 'orphan');
      kernel.fork(10, 15);
      kernel.exec(15, 'other');
      return kernel;
    };
    const rows = (rule: Rule) => cmdlines(new TreeHarness({ ignore: ignoring(rule) }).run(kernel()));
    expect(rows({ path: '/bin/make' })).toEqual(['daemon', 'sh', 'cc', 'orphan', 'other']);
    expect(rows({ path: '/bin/make', descendants: true })).toEqual(['daemon', 'other']);
    expect(rows({ path: '/bin/make', descendants: false })).toEqual(['daemon', 'sh', 'cc', 'orphan', 'other']);
  });

  test('with descendants follows the program of the fork, not what the process executes later', () => {
    const kernel = chainOf('daemon', 'make');
    kernel.fork(11, 12);
    kernel.exec(11, 'server');
    kernel.fork(11, 13);
    kernel.exec(12, 'under make');
    kernel.exec(13, 'under server');
    const harness = new TreeHarness({ ignore: ignoring({ path: '/bin/make', descendants: true }) }).run(kernel);
    expect(cmdlines(harness)).toEqual(['daemon', 'server', 'under server']);
  });

  test('with descendants compares ancestors in all fields', () => {
    const rule = { ancestor_path: '/bin/agent', cmdline: 'sh *', uid: 0, descendants: true };
    const rows = (...programs: string[]) => rowsWith(rule, ...programs);
    expect(rows('agent', 'x', 'sh -c y', 'z')).toEqual(['agent', 'x']);
    expect(rows('other', 'x', 'sh -c y', 'z')).toEqual(['other', 'x', 'sh -c y', 'z']);
  });
});

describe('a fact that is not certain matches nothing', () => {
  const everything = ignoring({ path: '/bin/*' }, { cmdline: 'l*' }, { cwd: '/' }, { ancestor_path: '/bin/*', uid: 0 });

  test('because the details of the exec are missing', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.connector.length = 0;
    kernel.exec(10, 'lost');
    const events = kernel.take().map((event) => (event.kind === 'exec' ? { ...event, details: undefined } : event));
    const harness = new TreeHarness({ ignore: everything });
    harness.tree.apply(events);
    harness.tree.flush('all');
    expect(harness.published).toHaveLength(1);
  });

  test('because events were lost: the details may be of another exec', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.tell(kernel.loss());
    kernel.exec(10, 'sh');
    kernel.fork(10, 11);
    kernel.exec(11, 'child');
    const rules = ignoring({ path: '/bin/sh' }, { parent_path: '/bin/sh' }, { path: '/bin/sh', descendants: true });
    expect(cmdlines(new TreeHarness({ ignore: rules }).run(kernel))).toEqual(['sh', 'child']);
  });

  const OF_MAKE: readonly Rule[] = [
    { parent_path: '/bin/make' },
    { ancestor_path: '/bin/make' },
    { path: '/bin/make', descendants: true },
  ];

  test.each([...OF_MAKE, { cgroup_path: '/ci' }])(
    'because events were lost: %j may be of an earlier program or process of the pid',
    (rule) => {
      const harness = new TreeHarness({ ignore: ignoring({ ...rule }) });
      const kernel = chainOf('make', { cmdline: 'noise', more: { cgroup: '/ci' } });
      harness.run(kernel);
      kernel.tell(kernel.loss());
      kernel.exec(11, 'after');
      kernel.fork(10, 12);
      kernel.exec(12, 'child');
      expect(cmdlines(harness.run(kernel)).slice(-2)).toEqual(['after', 'child']);
      expect(harness.tree.stats.eventsIgnored).toBeGreaterThan(0);
    },
  );

  test.each(OF_MAKE)('after a resync: %j may not be what the parent ran at a fork during the loss', (rule) => {
    const harness = new TreeHarness({ ignore: ignoring(rule) });
    const kernel = chainOf('make');
    kernel.tell(kernel.loss());
    kernel.fork(10, 11);
    harness.run(kernel);
    const { processes } = harness.tree;
    processes.resynced(processes.losses.total);
    kernel.exec(11, 'child');
    kernel.fork(10, 12);
    kernel.exec(12, 'noise');
    expect(cmdlines(harness.run(kernel)).at(-1)).toBe('child');
  });

  test('because events were lost while it waited: the loss may be older than it', () => {
    const harness = new TreeHarness({ ignore: ignoring({ cgroup_path: '/ci' }) });
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'waits', { cgroup: '/ci' });
    kernel.tell(kernel.loss());
    harness.tree.apply(kernel.take().filter(({ kind }) => kind !== 'fork'));
    harness.tree.flush('all');
    expect(cmdlines(harness)).toEqual(['waits']);
  });

  test('because events were lost before it, though it is published after the resync', () => {
    const harness = new TreeHarness({ ignore: ignoring({ cgroup_path: '/ci' }) });
    const kernel = chainOf('daemon');
    kernel.tell(kernel.loss());
    kernel.fork(10, 11);
    kernel.exec(11, 'late', { cgroup: '/ci' });
    // Without its fork, the event waits.
    harness.tree.apply(kernel.take().filter(({ kind, pid }) => kind !== 'fork' || pid !== 11));
    const { processes } = harness.tree;
    processes.resynced(processes.losses.total);
    expect(cmdlines(harness)).toEqual(['daemon']);
    harness.tree.flush('all');
    expect(cmdlines(harness)).toEqual(['daemon', 'late']);
  });

  test.each<Partial<ExecDetails>>([{ root: '/srv/jail' }, { root: 'mnt:[4026532999]' }, { userNamespace: 4026532000 }])(
    'because its user may give any file any path: %j',
    (own) => {
      const [make, cc] = ['make', 'cc'].map((cmdline) => ({ cmdline, more: { ...own, cgroup: '/ci' } })) as [
        Program,
        Program,
      ];
      for (const rule of [{ path: '/bin/make' }, ...OF_MAKE])
        expect(rowsWith(rule, 'daemon', make, cc)).toEqual(['daemon', 'make', 'cc']);
      for (const place of [{ cgroup_path: '/ci' }, { entry_type: 'init' }]) {
        expect(rowsWith({ path: '/bin/make', ...place }, 'daemon', make, cc)).toEqual(['daemon', 'cc']);
        for (const rule of OF_MAKE) expect(rowsWith({ ...rule, ...place }, 'daemon', make, cc)).not.toContain('cc');
      }
      expect(rowsWith({ path: '/bin/make', cgroup_path: '/*' }, 'daemon', make, cc)).toContain('make');
    },
  );

  test('but a path of the host is what it says', () => {
    const make = { cmdline: 'make', more: { root: '/', userNamespace: 0xeffffffd } };
    for (const rule of OF_MAKE) expect(rowsWith(rule, make, 'cc')).not.toContain('cc');
    expect(rowsWith({ path: '/bin/make' }, make, 'cc')).toEqual(['cc']);
  });

  test('because /proc shows only the present parent and its present program', () => {
    const rows = (rule: Rule) => {
      const harness = new TreeHarness({ ignore: ignoring(rule) });
      const kernel = chainOf('make', 'sh');
      kernel.take();
      harness.tree.processes.adopt([harness.proc.show(10, 1, 'make', 100), harness.proc.show(11, 10, 'sh', 101)]);
      kernel.fork(11, 12);
      kernel.exec(12, 'cc');
      return cmdlines(harness.run(kernel));
    };
    for (const name of ['ancestor_path', 'parent_path']) expect(rows({ [name]: '/bin/sh' })).toEqual([]);
    expect(rows({ path: '/bin/sh', descendants: true })).toEqual([]);
    for (const rule of OF_MAKE) expect(rows(rule)).toEqual(['cc']);
  });

  test('because a creator from its entry leader on is only likely', () => {
    const rows = (rule: Rule) => {
      const kernel = chainOf({ cmdline: 'daemon', more: { cgroup: '/ci' } }, 'job', 'below');
      const events = kernel.take().filter(({ kind, pid }) => kind !== 'fork' || pid !== 11);
      const harness = new TreeHarness({ ignore: ignoring(rule) });
      harness.tree.apply(events);
      harness.tree.flush('all');
      return harness;
    };
    for (const rule of [{ entry_type: 'init' }, { cgroup_path: '/ci' }]) {
      const harness = rows(rule);
      expect(cmdlines(harness)).toEqual(['job', 'below']);
      for (const cmdline of ['job', 'below'])
        expect(harness.row(cmdline)).toMatchObject({ cgroup: '/ci', entry: { type: 'init' } });
    }
  });

  test('because the creator is only likely', () => {
    const kernel = chainOf('make');
    kernel.fork(10, 11);
    kernel.exec(11, 'cc');
    // The fork of 11 is never reported: its parent at the exec is not certainly its creator.
    const events = kernel.take().filter(({ kind, pid }) => kind !== 'fork' || pid !== 11);
    const rules = ignoring({ parent_path: '/bin/make' }, { path: '/bin/make', descendants: true });
    const harness = new TreeHarness({ ignore: rules });
    harness.tree.apply(events);
    harness.tree.flush('all');
    expect(cmdlines(harness)).toEqual(['cc']);
    expect(ancestorsOf(harness.row('cc'))[0]?.path).toBe('/bin/make');
  });

  test('because the text was cut, unless the pattern ends in *', () => {
    const long = { cmdline: `java -cp ${'x'.repeat(40_000)}` };
    const cut = { cmdline: 'java -cp x', more: { argsCut: true } };
    for (const program of [long, cut]) {
      expect(rowsWith({ cmdline: 'java -cp x*' }, program)).toEqual([]);
      expect(rowsWith({ cmdline: '*x' }, program)).toHaveLength(1);
      expect(rowsWith({ cmdline: '*…' }, program)).toHaveLength(1);
    }
  });
});

describe('ignored processes', () => {
  test('stay ancestors of the others, with all that is known of them', () => {
    const kernel = chainOf('daemon', 'make', 'sh', 'cc');
    const harness = new TreeHarness({ ignore: ignoring({ path: '/bin/make' }, { path: '/bin/sh' }) }).run(kernel);
    expect(harness.chain('cc')).toEqual(['sh', 'make', 'daemon', 'init']);
    expect(harness.row('cc').ancestry.complete).toBe(true);
  });

  test('have no rows of any action; a fork is compared by the program of its parent', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'shell');
    kernel.fork(10, 11);
    kernel.exec(11, 'noise');
    kernel.setsid(11);
    kernel.fork(11, 12);
    kernel.exit(12);
    kernel.exit(11);
    const harness = new TreeHarness({ actions: ALL, ignore: ignoring({ path: '/bin/noise' }) }).run(kernel);
    const rows = harness.published.map(({ action, process }) => [process.pid, action]);
    expect(rows).toEqual([
      [10, 'fork'],
      [10, 'exec'],
      [11, 'fork'],
    ]);
    expect(harness.tree.stats).toMatchObject({ eventsPublished: 3, eventsIgnored: 5 });
  });

  test('that existed before have no row', () => {
    const harness = new TreeHarness({ actions: ALL, ignore: ignoring({ path: '/bin/init' }) });
    harness.tree.publishExisting({ bootMs: 5, unixMs: 5 });
    expect(harness.published).toEqual([]);
  });

  test('are counted, in total and by the first rule that matches', () => {
    const ignore = ignoring({ path: '/bin/cc' }, { path: '/bin/make', descendants: true }, { uid: 0 }, { uid: 7 });
    const harness = new TreeHarness({ ignore }).run(chainOf('daemon', 'make', 'sh', 'cc'));
    expect(harness.tree.stats).toMatchObject({ eventsPublished: 0, eventsIgnored: 4 });
    expect(ignore?.all.map(({ ignored }) => ignored)).toEqual([0, 3, 1, 0]);
  });

  test('keep the ancestors that were compared, though the fork of one is reported later', () => {
    const ignore = ignoring({ path: '/bin/make', descendants: true }, { path: '/bin/one' });
    const harness = new TreeHarness({ ignore });
    const kernel = chainOf('make', 'other');
    const late = kernel.fork(10, 12);
    kernel.take();
    harness.tree.processes.adopt([
      harness.proc.show(10, 1, 'make', 100),
      harness.proc.show(11, 1, 'other', 101),
      harness.proc.show(12, 11, 'sh', Math.floor(late.bootMs / 10)),
    ]);
    kernel.fork(12, 13);
    kernel.exec(13, 'one');
    harness.run(kernel);
    kernel.tell(late);
    kernel.fork(12, 14);
    kernel.exec(14, 'two');
    expect(harness.run(kernel).chain('two')).toEqual(['sh', 'other', 'init']);
    expect(harness.tree.stats).toMatchObject({ eventsPublished: 1, eventsIgnored: 1 });
  });

  test('below a chain of a thousand are found without a deep recursion', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'top');
    for (let pid = 11; pid < 1000; pid++) kernel.fork(pid - 1, pid);
    kernel.exec(999, 'deep');
    const ignore = ignoring({ path: '/bin/top', descendants: true });
    expect(cmdlines(new TreeHarness({ ignore }).run(kernel))).toEqual([]);
  });
});

describe('a change of the rules', () => {
  test('applies to what comes after it, also below processes that were compared before', () => {
    const kernel = chainOf('make', 'sh');
    const rules = ignoring({ path: '/bin/make', descendants: true });
    const options = { ignore: rules };
    const harness = new TreeHarness(options).run(kernel);
    const settings = { cacheSize: 1000, cacheTtlSeconds: 300, maxDepth: 32, ancestorCmdlineMax: 4096 };
    const rest = { ...settings, publishWaitMs: 100, actions: new Set<Action>(['exec']) };
    const next = (pid: number, cmdline: string, ignore: ReturnType<typeof ignoring>) => {
      harness.tree.configure({ ...rest, ignore });
      kernel.fork(11, pid);
      kernel.exec(pid, cmdline);
      harness.run(kernel);
    };
    next(20, 'while another rule', ignoring({ path: '/bin/other' }));
    next(21, 'while the same rule again', ignoring({ path: '/bin/make', descendants: true }));
    next(22, 'while none', undefined);
    expect(cmdlines(harness)).toEqual(['while another rule', 'while none']);
  });

  test('keeps the counts of rules that stay', () => {
    const before = ignoring({ path: '/bin/make' }, { path: '/bin/sh' });
    new TreeHarness({ ignore: before }).run(chainOf('make', 'sh', 'sh'));
    const after = parseIgnoreRules('[{"path":"/bin/sh"},{"uid":7}]', before);
    expect(after?.all.map(({ text, ignored }) => [text, ignored])).toEqual([
      ['{"path":"/bin/sh"}', 2],
      ['{"uid":7}', 0],
    ]);
  });
});

describe('a value of the flag', () => {
  test.each<[text: string, message: string]>([
    ['/usr/bin/true', '"/usr/bin/true" is no JSON array of rules'],
    ['{"path":"/x"}', 'is no JSON array of rules: write [{"path":"/usr/bin/true"}]'],
    ['[{"path":"/x"},7]', 'rule 2, 7: is no object'],
    ['[["path"]]', 'rule 1, ["path"]: is no object'],
    ['[null]', 'rule 1, null: is no object'],
    ['[{"pth":"/x"}]', 'rule 1, {"pth":"/x"}: "pth" is no field: path, '],
    ['[{"toString":"/x"}]', '"toString" is no field'],
    ['[{}]', 'has no field, and would ignore everything'],
    ['[{"descendants":true}]', 'has no field'],
    ['[{"path":"/x"},{"path":""}]', 'rule 2, {"path":""}: path is not a text'],
    ['[{"path":7}]', 'path is not a text with a GLOB pattern'],
    ['[{"cmdline":"[a"}]', 'cmdline: "[a": [ has no ]'],
    ['[{"uid":"33"}]', 'uid is not the number of a user'],
    ['[{"uid":-1}]', 'uid is not'],
    ['[{"uid":4294967295}]', 'uid is not'],
    ['[{"uid":1.5}]', 'uid is not'],
    ['[{"entry_type":"unknown"}]', 'entry_type is not one of init, kthread, sshd'],
    ['[{"path":"/x","descendants":"yes"}]', 'descendants is not true or false'],
    ['[{"cmdline":"x","descendants":true}]', 'descendants needs more than cmdline, cwd, uid, entry_type'],
    ['[{"cmdline":"x","cwd":"/tmp","descendants":true}]', 'descendants needs more than cmdline'],
    ['[{"uid":0,"descendants":true}]', 'descendants needs more than cmdline'],
    ['[{"entry_type":"init","descendants":true}]', 'descendants needs more than cmdline'],
    ['[{"path":"*"}]', 'would ignore nearly everything: a pattern of only * and ? does not count as a field'],
    ['[{"path":"/*","cmdline":"?*","ancestor_path":"*/*"}]', 'would ignore nearly everything'],
    ['[{"path":"*","cmdline":"x*","descendants":true}]', 'descendants needs more than cmdline'],
    ['[{"cgroup_path":"/*","cwd":"/tmp","descendants":true}]', 'descendants needs more than cmdline'],
    [`[{"cmdline":"*x${'?'.repeat(40)}*"}]`, '32 characters at most'],
    ['[{"uid":5,"uid":0}]', 'a rule has the same field twice'],
    ['[{"path":"/x","uid":1},{"path":"/x:\\"","p\\u0061th" : "/b"}]', 'a rule has the same field twice'],
    [JSON.stringify([{ path: 'x'.repeat(5000) }]), 'is longer than 4096 characters'],
    [JSON.stringify(Array.from({ length: 101 }, (_, uid) => ({ uid }))), '101 rules, 100 at most'],
  ])('%.60s is an error that names the rule', (text, message) => {
    expect(() => parseIgnoreRules(text)).toThrow(message);
    expect(() => parseIgnoreRules(text)).toThrow(/^process_ancestry_ignore: /);
  });

  test('that is long is an error that shows its beginning', () => {
    for (const text of ['x'.repeat(5000), JSON.stringify([{ path: 'x'.repeat(5000) }])])
      expect(() => parseIgnoreRules(text)).toThrow(/^.{200,400}$/);
  });

  test('may have the names of fields in texts', () => {
    expect(ignoring({ path: '/"uid":', cmdline: '{"uid":5,"uid":0}', uid: 5 })?.all).toHaveLength(1);
  });

  test.each(['', ' ', '[]'])('of no rules (%j) ignores nothing', (text) => {
    expect(parseIgnoreRules(text)).toBeUndefined();
  });

  test('may have a rule twice', () => {
    expect(ignoring({ uid: 7 }, { uid: 7 })?.all).toHaveLength(1);
  });
});

/** What a rule says, from the columns of rows alone. */
const glob = new DatabaseSync(':memory:').prepare('SELECT ? GLOB ? AS matches');
const globs = (text: string, pattern: unknown) => text !== '' && glob.get(text, String(pattern))?.matches === 1;

interface Shown {
  readonly pid: number;
  readonly path: string;
  readonly cmdline: string;
  readonly cwd: string;
  readonly uid: number | undefined;
}

function isShownBy(rule: Rule, own: Shown, above: readonly Shown[]): boolean {
  const matches = {
    path: () => globs(own.path, rule.path),
    cmdline: () => globs(own.cmdline, rule.cmdline),
    cwd: () => globs(own.cwd, rule.cwd),
    uid: () => own.uid === rule.uid,
    parent_path: () => globs(above[0]?.path ?? '', rule.parent_path),
    ancestor_path: () => above.some(({ pid, path }) => pid !== 1 && globs(path, rule.ancestor_path)),
  };
  const isMatch = Object.entries(matches).every(([name, holds]) => rule[name] === undefined || holds());
  const [creator, ...others] = above;
  return (
    isMatch ||
    (rule.descendants === true && creator !== undefined && creator.pid !== 1 && isShownBy(rule, creator, others))
  );
}

const ofRow = (row: PublishedEvent): Shown => ({
  pid: row.process.pid,
  path: row.details?.path ?? '',
  cmdline: told(row).cmdline,
  cwd: row.details?.cwd ?? '',
  uid: row.details?.uid,
});

test('after any events, rules leave the rows that their columns say, and change nothing in those', () => {
  const pattern = fc.constantFrom('/bin/*', '/bin/image', '/bin/init', '/bin/[^a-i]*', '*n?t', 'image*');
  const rule = fc
    .record(
      {
        path: pattern,
        cmdline: fc.constantFrom('image 100*', '*[^5-7]', '*1?', 'init'),
        uid: fc.constantFrom(0, 0, 0, 1),
        parent_path: pattern,
        ancestor_path: pattern,
        descendants: fc.boolean(),
      },
      { requiredKeys: [] },
    )
    .filter((rule) => {
      const names = Object.keys(rule).filter((name) => name !== 'descendants');
      return names.some((name) => name.endsWith('path')) || (names.length > 0 && !rule.descendants);
    });
  const happenings = fc.array(happening, { minLength: 5, maxLength: 60 });
  let [ignored, kept] = [0, 0];
  fc.assert(
    fc.property(happenings, fc.array(rule, { minLength: 1, maxLength: 3 }), (all, rules) => {
      const kernel = new KernelModel();
      play(kernel, all);
      const events = kernel.take();
      const [without, withRules] = [undefined, ignoring(...rules)].map((ignore) => {
        const harness = new TreeHarness({ ignore });
        harness.tree.apply(events);
        harness.tree.flush('all');
        return harness;
      }) as [TreeHarness, TreeHarness];
      const expected = without.published.filter((row) => {
        const above = ancestorsOf(row).map(({ pid, path, cmdline, cwd, credentials: { uid } }) => ({
          pid,
          path,
          cmdline,
          cwd,
          uid,
        }));
        return !rules.some((rule) => isShownBy(rule, ofRow(row), above));
      });
      const shown = (row: PublishedEvent) => ({ ...told(row), id: row.entityId, complete: row.ancestry.complete });
      expect(withRules.published.map(shown)).toEqual(expected.map(shown));
      ignored += without.published.length - expected.length;
      kept += expected.length;
    }),
    { numRuns: 300 },
  );
  expect(Math.min(ignored, kept)).toBeGreaterThan(20);
});
