/** Makes the manual process_ancestry(8) from the texts of --help. */
import { helpText } from '../../src/config/command_line.ts';
import { boundsOf, type Flag, flagNames, flags } from '../../src/config/flags.ts';

export interface ManPageOptions {
  readonly version: string;
  /** YYYY-MM-DD */
  readonly date: string;
  readonly summary: string;
  readonly description: string;
}

/** Its source, for man(1). */
export function manPage({ version, date, summary, description }: ManPageOptions): string {
  // Usage and the flags of the process and of the shell are as in --help; the flags of the recording are below.
  const [head = ''] = helpText().split('Flags of the recording');
  const usage = head
    .slice(head.indexOf('usage:'))
    .replaceAll('process_ancestry.ext', 'process_ancestry')
    .replace(/^(usage: | {7})/gm, '')
    // The command name is shorter here: reduce the indentation of continuation lines.
    .replace(/^ {4}(?= {30})/gm, '');
  return `${[
    `.TH PROCESS_ANCESTRY 8 ${date} "osquery-process-ancestry ${version}" "System Administration"`,
    '.SH NAME',
    `process_ancestry \\- ${escaped(summary)}`,
    '.SH SYNOPSIS',
    ...verbatim(usage.trimEnd()),
    '.SH DESCRIPTION',
    ...paragraphs(description),
    '.SH FLAGS OF THE RECORDING',
    'Each can be set in these places; the first that sets it wins: the command line, the environment (name in upper case),',
    'an osquery option',
    '.RI ( custom_NAME ),',
    'a column of the view or scheduled query process_ancestry_flags in osquery, the JSON file.',
    'On the command line the prefix process_ancestry_ is optional.',
    ...flagNames.flatMap((name) => {
      const flag: Flag = flags[name];
      const fallback = flag.default === '' ? 'empty' : String(flag.default);
      const when = flag.atStartOnly ? '; read at start only' : '';
      return [
        '.TP',
        `.B \\-\\-${escaped(name)}`,
        `${text(flag.description)}`,
        '.br',
        text(`${boundsOf(flag)}; default ${fallback}${when}`),
      ];
    }),
    '.SH EXIT STATUS',
    ...exitStatuses.flatMap(([status, meaning]) => ['.TP', `.B ${status}`, text(meaning)]),
    '.SH FILES',
    ...files.flatMap(([path, meaning]) => ['.TP', `.I ${escaped(path)}`, text(meaning)]),
    '.SH EXAMPLES',
    ...examples.flatMap(([meaning, command]) => [
      '.TP',
      text(`${meaning}:`),
      '.nf',
      ...command.split('\n').map(text),
      '.fi',
    ]),
    '.SH SEE ALSO',
    '.BR osqueryd (8),',
    '.BR auditctl (8)',
    '.br',
    'README.md in /usr/share/doc/osquery\\-process\\-ancestry',
  ].join('\n')}\n`;
}

const files = [
  ['/etc/osquery/process_ancestry.json', 'flags as a JSON object; optional'],
  ['/etc/osquery/extensions.load', 'extensions that osqueryd starts; the package adds this extension'],
  ['/opt/orbit/extensions.load', "the same for Fleet's Orbit, if it is installed"],
  ['/var/osquery/process_ancestry', 'database of rows; /opt/orbit/process_ancestry with Orbit'],
  ['/var/lib/process_ancestry', 'the last flags from osquery; used until osquery has applied its configuration'],
  ['/run/process_ancestry/audit-state', 'original audit settings, while the extension runs'],
] as const;

/** src/commands/command_status.ts, src/commands/doctor/finding.ts and the commands. */
const exitStatuses = [
  ['0', 'Success. doctor: all checks passed.'],
  [
    '1',
    'Failure; the message on standard error says why. doctor: warnings. cleanup: not restored. tree: no such process. sigma: a rule cannot be expressed.',
  ],
  ['2', 'Error in the command line. doctor: problems.'],
] as const;

const examples = [
  ['Check this host', 'process_ancestry doctor'],
  ['Open a SQL prompt that records this host', 'process_ancestry shell'],
  [
    'Run one statement on the bundled sample log',
    'process_ancestry shell --collector replay --replay-file :sample: \\\n' +
      '  "SELECT pid, cmdline, ancestry FROM process_ancestry_events"',
  ],
  ['Show the ancestors of process 4242', 'process_ancestry tree 4242'],
  [
    'Write the process tree of an audit log as an HTML page',
    'process_ancestry tree --replay-file audit.log --html page.html',
  ],
  [
    'Translate Sigma rules into an osquery pack, 100 rules per query',
    'process_ancestry sigma rules/linux/process_creation --combine 100 > /etc/osquery/packs/sigma.conf',
  ],
  ['Find the running extension; its process name has 15 characters', 'pgrep -x process_ancestr'],
] as const;

function paragraphs(description: string): string[] {
  return description.split('\n\n').flatMap((paragraph, index) => [...(index > 0 ? ['.PP'] : []), text(paragraph)]);
}

function verbatim(lines: string): string[] {
  return ['.nf', ...lines.split('\n').map(text), '.fi'];
}

/** Escapes a leading dot or apostrophe, which would start a request. */
function text(line: string): string {
  return escaped(line).replace(/^(?=[.'])/, '\\&');
}

function escaped(line: string): string {
  return line.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('…', '...').replaceAll('’', "'");
}
