/** process_ancestry(8), of what --help says. */
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
  // Usage and the flags of the process and of the shell are as --help has them; those of the recording come below.
  const [head = ''] = helpText().split('Flags of the recording');
  const usage = head
    .slice(head.indexOf('usage:'))
    .replaceAll('process_ancestry.ext', 'process_ancestry')
    .replace(/^(usage: | {7})/gm, '')
    // What stands below a command stays below it, whose name is shorter here.
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
    'Each can also be given in the environment (in upper case), as an osquery option',
    '.RI ( custom_NAME )',
    'and in the JSON file; the command line wins, then in that order.',
    'The prefix process_ancestry_ may be left out on the command line.',
    ...flagNames.flatMap((name) => {
      const flag: Flag = flags[name];
      const fallback = flag.default === '' ? 'empty' : String(flag.default);
      const when = flag.atStartOnly ? '; read at the start' : '';
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
  ['/etc/osquery/process_ancestry.json', 'flags, as a JSON object; need not exist'],
  ['/etc/osquery/extensions.load', 'what osqueryd starts; the package puts the extension into it'],
  ['/opt/orbit/extensions.load', "the same for Fleet's Orbit, where that is installed"],
  ['/var/osquery/process_ancestry', "the rows' database; /opt/orbit/process_ancestry with Orbit"],
  ['/var/lib/process_ancestry', 'the flags that osquery gave last, in force until it has applied its configuration'],
  ['/run/process_ancestry/audit-state', "audit's settings as found, while the extension runs"],
] as const;

/** src/commands/command_status.ts, src/commands/doctor/finding.ts and the commands. */
const exitStatuses = [
  ['0', 'It did what it was asked to. doctor: nothing is to be done.'],
  [
    '1',
    'It failed: the message on standard error says why. doctor: there are warnings. cleanup: something may be left. tree: ' +
      'there is no such process.',
  ],
  ['2', 'The command line was not understood. doctor: there are problems.'],
] as const;

const examples = [
  ['What keeps it from working on this host, and what to do', 'process_ancestry doctor'],
  ['The last programs that were started, in a prompt that records by itself', 'process_ancestry shell'],
  [
    'One statement over the log that comes with the program',
    'process_ancestry shell --collector replay --replay-file :sample: \\\n' +
      '  "SELECT pid, cmdline, ancestry FROM process_ancestry_events"',
  ],
  ['Who started process 4242', 'process_ancestry tree 4242'],
  [
    'What an audit log tells, as a page for a browser',
    'process_ancestry tree --replay-file audit.log --html page.html',
  ],
  ['The running extension: its process name has 15 characters', 'pgrep -x process_ancestr'],
] as const;

function paragraphs(description: string): string[] {
  return description.split('\n\n').flatMap((paragraph, index) => [...(index > 0 ? ['.PP'] : []), text(paragraph)]);
}

function verbatim(lines: string): string[] {
  return ['.nf', ...lines.split('\n').map(text), '.fi'];
}

/** A line that begins with a dot or an apostrophe would be a request. */
function text(line: string): string {
  return escaped(line).replace(/^(?=[.'])/, '\\&');
}

function escaped(line: string): string {
  return line.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('…', '...').replaceAll('’', "'");
}
