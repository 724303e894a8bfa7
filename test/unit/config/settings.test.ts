import { describe, expect, test } from 'vitest';
import { helpText, parseCommandLine } from '../../../src/config/command_line.ts';
import { boundsOf, type Flag, FlagError, flagNames, flags, UnsafeFlagError } from '../../../src/config/flags.ts';
import { changedFlags, resolveFlags, type Sources } from '../../../src/config/settings.ts';
import { REDACT_ALL } from '../../../src/process/redact.ts';

const nothing: Sources = { commandLine: new Map(), environment: {}, osqueryOptions: new Map(), file: undefined };
const size = (sources: Partial<Sources>) => resolveFlags({ ...nothing, ...sources }).values.process_ancestry_cache_size;

describe('the source of a flag’s value', () => {
  const commandLine = parseCommandLine(['--cache-size', '101']).flags;
  const environment = { PROCESS_ANCESTRY_CACHE_SIZE: '102' };
  const osqueryOptions = new Map([['custom_process_ancestry_cache_size', '103']]);
  const file = { process_ancestry_cache_size: 104 };

  const queried = new Map([['process_ancestry_cache_size', '105']]);

  test('command line, environment, osquery’s options, its SQL, the file, the default: in that order', () => {
    expect(size({ commandLine, environment, osqueryOptions, queried, file })).toBe(101);
    expect(size({ environment, osqueryOptions, queried, file })).toBe(102);
    expect(size({ osqueryOptions, queried, file })).toBe(103);
    expect(size({ queried, file })).toBe(105);
    expect(size({ file })).toBe(104);
    expect(size({})).toBe(5000);
  });

  test('a bad value is an error that names the flag, the value and the bounds, and the next place’s value is used', () => {
    const { values, errors } = resolveFlags({ ...nothing, environment: { PROCESS_ANCESTRY_CACHE_SIZE: 'many' }, file });
    expect(values.process_ancestry_cache_size).toBe(104);
    expect(errors.map(({ message }) => message)).toEqual([
      'environment: process_ancestry_cache_size="many" is not 16 to 1000000 processes',
    ]);
  });

  test('a bad new value leaves the running one as it is', () => {
    const running = resolveFlags({ ...nothing, osqueryOptions }).values;
    const bad = new Map([['custom_process_ancestry_cache_size', '-5']]);
    const { values, errors } = resolveFlags({ ...nothing, osqueryOptions: bad, file }, running);
    expect(values.process_ancestry_cache_size).toBe(103);
    expect(errors).toHaveLength(1);
  });

  test('an empty option of osquery is not a value', () => {
    expect(size({ osqueryOptions: new Map([['custom_process_ancestry_cache_size', '']]), file })).toBe(104);
  });

  test('an empty text from osquery does not override the file; one from the command line does', () => {
    const patterns = { process_ancestry_redact: 'secret=(\\S+)' };
    const emptied = new Map([['custom_process_ancestry_redact', '']]);
    const { values } = resolveFlags({ ...nothing, osqueryOptions: emptied, file: patterns });
    expect(values.process_ancestry_redact).toBe(patterns.process_ancestry_redact);
    const cleared = parseCommandLine(['--redact=']).flags;
    expect(resolveFlags({ ...nothing, commandLine: cleared, file: patterns }).values.process_ancestry_redact).toBe('');
  });

  test('a redaction that is no expression is refused, not taken for none', () => {
    const { errors } = resolveFlags({ ...nothing, commandLine: parseCommandLine(['--redact', '(']).flags });
    expect(errors.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^command line: process_ancestry_redact: /),
    ]);
  });

  describe('a refused redaction', () => {
    const lookbehind = '(?<=Bearer )\\S+';
    const fine = 'Bearer (\\S+)';
    const name = 'process_ancestry_redact';
    const running = resolveFlags({ ...nothing, file: { [name]: fine } }).values;

    test.each<[string, Partial<Sources>]>([
      ['the command line', { commandLine: new Map([[name, lookbehind]]) }],
      ['the environment', { environment: { PROCESS_ANCESTRY_REDACT: lookbehind } }],
      ['osquery’s options', { osqueryOptions: new Map([[`custom_${name}`, lookbehind]]) }],
      ['osquery’s SQL', { queried: new Map([[name, lookbehind]]) }],
      ['the file', { file: { [name]: [lookbehind] } }],
      ['the file, as an object', { file: { [name]: { pattern: fine } } }],
    ])('in %s redacts everything, with any earlier value and any other source', (_, sources) => {
      for (const before of [undefined, running]) {
        const { values, errors } = resolveFlags({ ...nothing, file: { [name]: fine }, ...sources }, before);
        expect(values[name]).toBe(REDACT_ALL);
        expect(errors).toEqual([expect.any(UnsafeFlagError)]);
        expect(errors[0]?.message).toMatch(
          /process_ancestry_redact: .*; all arguments are redacted until it is changed$/,
        );
      }
    });

    test('has no effect when an earlier source says what to redact', () => {
      const commandLine = new Map([[name, fine]] as const);
      const { values, errors } = resolveFlags({ ...nothing, commandLine, file: { [name]: lookbehind } });
      expect(values[name]).toBe(fine);
      expect(errors).toEqual([]);
    });
  });

  test('a rule of process_ancestry_ignore that is refused is named, and nothing is ignored, even if other rules were in force', () => {
    const name = 'process_ancestry_ignore';
    const file = { [name]: [{ path: '/usr/bin/true' }] };
    const running = resolveFlags({ ...nothing, file }).values;
    expect(running[name]).toBe('[{"path":"/usr/bin/true"}]');
    const queried = new Map([[name, '[{"path":"/usr/bin/true"},{"pth":"x"}]']]);
    const { values, errors } = resolveFlags({ ...nothing, queried, file }, running);
    expect(values[name]).toBe('');
    expect(errors).toEqual([expect.any(UnsafeFlagError)]);
    expect(errors[0]?.message).toMatch(
      /^process_ancestry_flags: process_ancestry_ignore: rule 2, \{"pth":"x"\}: "pth" is no field: .*; no event is ignored until it is changed$/,
    );
  });

  test.each<[string, Partial<Sources>]>([
    ['cannot be read', { file: undefined, fileError: 'EACCES' }],
    ['is no object', { file: [1] }],
  ])(
    'a file that %s may say what must not be stored: everything is redacted, unless another place says',
    (_, broken) => {
      expect(resolveFlags({ ...nothing, ...broken }).values.process_ancestry_redact).toBe(REDACT_ALL);
      const commandLine = parseCommandLine(['--redact', 'x']).flags;
      expect(resolveFlags({ ...nothing, ...broken, commandLine }).values.process_ancestry_redact).toBe('x');
    },
  );

  test('the file may have values as JSON or as text; an unknown flag is reported', () => {
    const content = { process_ancestry_enable: false, process_ancestry_cache_ttl: '60', process_ancestry_speed: 9 };
    const { values, errors } = resolveFlags({ ...nothing, file: content });
    expect(values).toMatchObject({ process_ancestry_enable: false, process_ancestry_cache_ttl: 60 });
    expect(errors.map(({ message }) => message)).toEqual([
      'configuration file: no such flag: process_ancestry_speed (--help lists them)',
    ]);
    expect(resolveFlags({ ...nothing, file: [1] }).errors[0]?.message).toContain('not a JSON object');
  });

  test('an error from osquery’s SQL names the SQL', () => {
    const wrong = new Map([
      ['process_ancestry_cache_size', 'huge'],
      ['cache_ttl', '5'],
    ]);
    const { values, errors } = resolveFlags(
      { ...nothing, queried: wrong },
      resolveFlags({ ...nothing, queried }).values,
    );
    expect(values.process_ancestry_cache_size).toBe(105);
    expect(errors.map(({ message }) => message)).toEqual([
      'process_ancestry_flags: no such flag: cache_ttl (--help lists them)',
      'process_ancestry_flags: process_ancestry_cache_size="huge" is not 16 to 1000000 processes',
    ]);
  });

  test('what changed between two sets of values is known by name', () => {
    const before = resolveFlags(nothing).values;
    const after = resolveFlags({ ...nothing, osqueryOptions }).values;
    expect(changedFlags(before, after)).toEqual(['process_ancestry_cache_size']);
    expect(changedFlags(before, before)).toEqual([]);
  });
});

describe('the command line', () => {
  test('as osqueryd gives it', () => {
    const parsed = parseCommandLine([
      '--verbose',
      '--socket',
      '/var/osquery/osquery.em',
      '--timeout',
      '3',
      '--interval',
      '5',
    ]);
    expect(parsed).toMatchObject({
      command: 'extension',
      verbose: true,
      socket: '/var/osquery/osquery.em',
      timeoutSeconds: 3,
      intervalSeconds: 5,
    });
  });

  test('flags with and without prefix, with - or _, separate or attached, booleans without a value', () => {
    const parsed = parseCommandLine([
      '--replay-file',
      'a.log',
      '--process_ancestry_max_depth=5',
      '--enable',
      '--cache_ttl=9',
    ]);
    expect([...parsed.flags]).toEqual([
      ['process_ancestry_replay_file', 'a.log'],
      ['process_ancestry_max_depth', '5'],
      ['process_ancestry_enable', 'true'],
      ['process_ancestry_cache_ttl', '9'],
    ]);
    expect(parseCommandLine(['doctor', '--json', '--socket', '/o.em', '--database=/rows'])).toMatchObject({
      command: 'doctor',
      output: 'json',
      socket: '/o.em',
    });
    expect(parseCommandLine(['tree', '42', '--html', 't.html', '--depth=3', '--since', '2h', '--all'])).toMatchObject({
      command: 'tree',
      tree: { process: '42', htmlFile: 't.html', json: false, depth: 3, since: '2h', kernelThreads: true },
    });
    expect(
      parseCommandLine(['sigma', 'a.yml', 'rules', '--format', 'fleet', '--combine=500', '--skip-unsupported']),
    ).toMatchObject({
      command: 'sigma',
      sigma: { paths: ['a.yml', 'rules'], format: 'fleet', skipUnsupported: true, rulesPerQuery: 500 },
    });
    expect(parseCommandLine(['--enable', 'false']).flags.get('process_ancestry_enable')).toBe('false');
    expect(parseCommandLine(['shell', '--enable', 'SELECT 1'])).toMatchObject({ command: 'shell', sql: 'SELECT 1' });
  });

  test.each(['-- who ran what\nSELECT 1', '--who ran what\nSELECT 1', '--\nSELECT 1', '/* who */ SELECT 1'])(
    'SQL may begin with a comment: %j',
    (sql) => {
      expect(parseCommandLine(['shell', '--json', sql])).toMatchObject({ command: 'shell', output: 'json', sql });
    },
  );

  test('arguments after -- are no flags', () => {
    expect(parseCommandLine(['shell', '--', '--json'])).toMatchObject({ output: 'auto', sql: '--json' });
  });

  test.each([
    [['--socket'], '--socket needs a value'],
    [['--cache-size'], '--cache-size needs a value: 16 to 1000000 processes'],
    [['--cash-size', '3'], 'no such flag: --cash-size'],
    [['--collektor', 'audit'], 'did you mean --process_ancestry_collector?'],
    [['--timeout', 'soon'], '--timeout="soon" is not 0 to 86400 seconds'],
    [['sell'], 'no such command: sell'],
    [['doctor', 'who'], 'doctor takes flags only: who'],
    [['tree', '1', '2'], 'tree takes one pid or entity id: 1 2'],
    [['tree', '--depth', '-1'], '--depth="-1" is not a number of levels'],
    [['sigma'], 'sigma needs a file or a directory with rules'],
    [['sigma', 'a.yml', '--format', 'splunk'], '--format="splunk" is none of pack, fleet, sql'],
    [['sigma', 'a.yml', '--combine', '501'], '--combine="501" is not a number of rules (1 to 500)'],
  ])('%j is refused with a reason', (args, reason) => {
    expect(() => parseCommandLine(args)).toThrow(FlagError);
    expect(() => parseCommandLine(args)).toThrow(reason);
  });

  test('help has every flag with its values and its default', () => {
    const help = helpText();
    for (const name of flagNames) {
      const flag: Flag = flags[name];
      const at = help.indexOf(`  --${name}\n`);
      expect(at, name).toBeGreaterThan(0);
      const paragraph = help.slice(at).split('\n').slice(0, 3).join('\n');
      expect(paragraph).toContain(boundsOf(flag));
      expect(paragraph).toContain(flag.description);
    }
  });
});
