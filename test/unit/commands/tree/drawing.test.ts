import { describe, expect, test } from 'vitest';
import { localTimes, sinceTime } from '../../../../src/commands/tree/clock_text.ts';
import { cutTo, type DrawingOptions, draw } from '../../../../src/commands/tree/drawing.ts';
import { treeLineStyleOf } from '../../../../src/commands/tree/tree_line_style.ts';
import { escapeTerminalJson, width } from '../../../../src/text/terminal_escape.ts';
import { incident } from '../../../tree/incident.ts';
import { Scene } from '../../../tree/scene.ts';

/** 2026-11-01 09:05:00 UTC. */
const NOW = 1_793_523_900;
const UTF8 = treeLineStyleOf({ LANG: 'de_DE.UTF-8' });
const ASCII = treeLineStyleOf({ LANG: 'C' });
const plain: DrawingOptions = {
  lineStyle: UTF8,
  times: localTimes(NOW, { zone: 'UTC' }),
  columns: undefined,
  colour: false,
  marked: new Set(),
  depth: Number.POSITIVE_INFINITY,
  kernelThreads: false,
};
const drawn = (scene: Scene, options: Partial<DrawingOptions> = {}) => draw(scene.document(), { ...plain, ...options });

function shells(): Scene {
  const scene = new Scene();
  const init = scene.process(1, ['/sbin/init'], { at: NOW - 90_000 });
  const bash = scene.run(100, ['bash'], { parent: init, at: NOW - 50, uid: 1000 });
  scene.exec(bash, ['sudo', '-i'], { at: NOW - 40, uid: 1000 });
  scene.exec(bash, ['sh', '-i'], { at: NOW - 39 });
  const make = scene.run(101, ['make', 'all'], { parent: bash, at: NOW - 30 }, { at: NOW - 10, code: 2 });
  scene.run(103, ['cc'], { parent: make, at: NOW - 20 }, { at: NOW - 11, signal: 9 });
  scene.process(104, ['sh', '-i'], { parent: bash, at: NOW - 5, path: '/usr/bin/sh' });
  return scene;
}

describe('a drawing', () => {
  test('has pid, user, start, end and the command line with what it was before', () => {
    expect(drawn(shells())).toBe(
      [
        'PID USER STARTED (UTC)  STATE   COMMAND',
        '  1 root 10-31 08:05:00 running /sbin/init',
        '100 root 09:04:10       running └─ bash → sudo → sh -i',
        '101 root 09:04:30       exit 2     ├─ make all',
        '103 root 09:04:40       SIGKILL    │  └─ cc',
        '104 root 09:04:55       running    └─ (forked) sh -i',
        '',
      ].join('\n'),
    );
  });

  test('is ASCII where the locale has no more', () => {
    const text = drawn(shells(), { lineStyle: ASCII });
    expect(text).toContain('`- bash -> sudo -> sh -i');
    expect(text).toMatch(/^[\n -~]*$/);
    const scene = new Scene();
    scene.run(5, ['écho', '日本', '😀'], { at: NOW });
    expect(drawn(scene, { lineStyle: ASCII })).toContain('\\u{e9}cho \\u{65e5}\\u{672c} \\u{1f600}');
  });

  test.each([
    [{}, ASCII],
    [{ LANG: 'C' }, ASCII],
    [{ LANG: 'en_US.UTF-8' }, UTF8],
    [{ LANG: 'en_US.utf8' }, UTF8],
    [{ LANG: 'en_US.UTF-8', LC_ALL: 'POSIX' }, ASCII],
    [{ LANG: 'C', LC_CTYPE: 'C.UTF-8' }, UTF8],
  ])('takes the line style that the locale %j has', (env, lineStyle) => {
    expect(treeLineStyleOf(env)).toBe(lineStyle);
  });

  test.each([20, 43, 60, 80, 132])('no line is wider than a terminal of %i columns', (columns) => {
    const scene = shells();
    let parent = scene.run(500, ['日本語'.repeat(100)], { at: NOW });
    for (let n = 1; n < 60; n++) parent = scene.run(500 + n, ['x'.repeat(300)], { at: NOW, parent });
    for (const lineStyle of [UTF8, ASCII]) {
      const lines = drawn(scene, { columns, lineStyle }).trimEnd().split('\n');
      expect(Math.max(...lines.map((line) => width(line)))).toBeLessThanOrEqual(columns);
      expect(lines.length).toBe(66);
    }
  });

  test('shows every command whole when nothing is to be cut', () => {
    const scene = new Scene();
    scene.run(5, ['x'.repeat(5000)], { at: NOW });
    expect(drawn(scene)).toContain('x'.repeat(5000));
  });

  test.each([
    [80, '  1 root 10-31 08:05:00 running /sbin/init'],
    [52, '  1 root running /sbin/init'],
    [36, '  1 running /sbin/init'],
  ])('keeps room for commands on a terminal of %d columns', (columns, first) => {
    const lines = drawn(shells(), { columns }).split('\n');
    expect(lines[1]).toBe(first);
    expect(lines[4]).toMatch(/─ cc$/);
    const title = (name: string) => lines[0]?.indexOf(name);
    expect(title('COMMAND')).toBe(first.indexOf('/sbin/init'));
    expect(title('STATE')).toBe(first.indexOf('running'));
  });

  test('has no blanks where a process wrote over its arguments', () => {
    const scene = new Scene();
    scene.run(5, ['nginx: worker process', '', '   '], { at: NOW });
    expect(drawn(scene, { columns: 80 })).toContain(' nginx: worker process\n');
  });

  test('with a marked process shows its ancestors and all below it', () => {
    const scene = shells();
    const make = scene.document().processes.find(({ pid }) => pid === 101);
    const text = drawn(scene, { marked: new Set([make?.entity_id ?? '']), colour: false });
    expect(text).toContain('▶ 101 root');
    expect(text).toContain('\n  100 root');
  });

  test('of some levels says how many processes are below them', () => {
    const text = drawn(shells(), { depth: 1 });
    expect(text).toContain('bash → sudo → sh -i  (3 more below)');
    expect(text).not.toContain('make');
  });

  test('of a process has the wanted number of levels below it, at any depth', () => {
    const scene = shells();
    const bash = scene.document().processes.find(({ pid }) => pid === 100);
    const text = drawn(scene, { depth: 1, marked: new Set([bash?.entity_id ?? '']) });
    expect(text).toContain('/sbin/init');
    expect(text).toContain('make all  (1 more below)');
    expect(text).not.toContain('cc');
  });

  test('has the host in one tree, and all entries below it', () => {
    const text = drawn(incident());
    expect(text).toContain(
      '── ssh: deploy from 203.0.113.24 on pts/0 (09:02:11 to 09:03:12) · 34 processes, 1 running, 3 failed',
    );
    expect(text).toMatch(/└─ ssh: deploy from .*, below\n/);
    expect(text).toContain('── 7 kernel threads (--all draws them)');
    expect(text).not.toContain('kswapd0');
    expect(drawn(incident(), { kernelThreads: true })).toContain('└─ [jbd2/vda1-8]');
    // Each process has one line. Kernel threads except one have none, and logins have one more at their place.
    const pids = text.split('\n').filter((line) => /^ *\d+ \S/.test(line));
    expect(pids).toHaveLength(incident().document().processes.length - 7 + 2);
  });

  test('marks ended processes in words, and in colour only where that is allowed', () => {
    expect(drawn(shells())).not.toContain('\x1b');
    const text = drawn(shells(), { colour: true });
    expect(text).toContain('\x1b[31mexit 2 \x1b[0m');
    expect(text).toContain('\x1b[32mrunning\x1b[0m');
  });
});

describe('text that any user can write', () => {
  const hostile = [
    '\x1b]0;title\x07',
    '\x1b[2J\x1b[H',
    '\x1b]8;;http://198.51.100.7/\x1b\\link\x1b]8;;\x1b\\',
    '\x9b31m',
    '\u202Egpj.exe',
    '\u2066\u2069\u200b\u2028\ufeff',
    'a\nb\r\tc\0\b\x7f',
  ];

  test('never controls the terminal, at any place and after any cut', () => {
    const scene = new Scene();
    const init = scene.process(1, ['init'], { at: NOW });
    for (const [n, text] of hostile.entries()) {
      scene.run(10 + n, [text, text], {
        parent: init,
        at: NOW,
        path: `/tmp/${text}`,
        tty: text,
        ip: text,
        entry: 'sshd',
      });
      const twice = scene.run(30 + n, [text], { parent: init, at: NOW, path: `/tmp/${text}` });
      scene.exec(twice, [text.repeat(50)], { at: NOW });
    }
    for (const lineStyle of [UTF8, ASCII])
      for (const columns of [undefined, 40, 70, 71, 72, 73]) {
        const text = drawn(scene, { columns, lineStyle });
        expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/);
      }
    const text = drawn(scene);
    expect(text).toContain('\\x1b]0;title\\x07');
    expect(text).toContain('\\u202egpj.exe');
    // One line each, for any line breaks in the text.
    expect(text.split('\n').filter((line) => /^ *\d+ root/.test(line)).length).toBe(1 + 3 * hostile.length);
  });
});

test('JSON also shows control characters as escapes, and reads back as it was', () => {
  const hostile = { text: '\x1b[31m\x9b31m\u202Egpj.exe\n\u2028\u200d\x7f' };
  const json = escapeTerminalJson(JSON.stringify(hostile, undefined, 1));
  expect(json).toMatch(/^[\n -~]*$/);
  expect(JSON.parse(json)).toEqual(hostile);
});

describe('text that is cut', () => {
  test('is never wider, and says that it is cut', () => {
    expect(cutTo('abcdef', 6, UTF8)).toBe('abcdef');
    expect(cutTo('abcdef', 5, UTF8)).toBe('abcd…');
    expect(cutTo('日本語', 5, UTF8)).toBe('日本…');
    expect(cutTo('日本語', 4, UTF8)).toBe('日…');
    expect(cutTo('abcdef', 4, ASCII)).toBe('a...');
    expect(cutTo('abcdef', 2, ASCII)).toBe('..');
    expect(cutTo('abcdef', 0, UTF8)).toBe('');
  });
});

describe('times', () => {
  test('are local, with the date where it is not the day, and the year where it is another', () => {
    const { short, title } = localTimes(NOW, { zone: 'Asia/Tokyo' });
    expect(short(NOW)).toBe('18:05:00');
    expect(short(NOW - 86_400)).toBe('10-31 18:05:00');
    expect(short(NOW - 365 * 86_400)).toBe('2025-11-01 18:05:00');
    expect(short(null)).toBe('');
    expect(title).toBe('GMT+9');
    expect(localTimes(NOW, { zone: 'UTC', day: NOW - 86_400 }).title).toBe('2026-10-31 UTC');
  });

  test('of --since are a duration before now, or a date', () => {
    expect(sinceTime('15m', 10_000)).toBe(9_100);
    expect(sinceTime('2h', 10_000)).toBe(2_800);
    expect(sinceTime('2026-11-01T09:05:00Z', 0)).toBe(NOW);
    for (const wrong of ['', 'yesterday', '15', '-5m', '2026-99-99'])
      expect(sinceTime(wrong, 0), wrong).toBeUndefined();
  });
});
