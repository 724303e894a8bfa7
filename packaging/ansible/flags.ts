/**
 * The flags as Ansible validates them, from their declarations. `npm run generate` writes them into the role between their
 * markers. A unit test fails when they differ.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { boundsOf, type Flag, type FlagName, flagNames, flags } from '../../src/config/flags.ts';

const ROLE = new URL('roles/osquery_process_ancestry/', import.meta.url);
const WIDTH = 100;

interface Part {
  readonly file: URL;
  readonly name: string;
  readonly lines: readonly string[];
}

/** Files of the role, each with its generated part. A name stands for a flag without a declaration. */
export const parts: readonly Part[] = [
  {
    file: new URL('meta/argument_specs.yml', ROLE),
    name: 'flags',
    lines: ['options:', ...indented(2, argumentSpecs())],
  },
  { file: new URL('vars/main.yml', ROLE), name: 'bounds', lines: bounds() },
];

function argumentSpecs(): string[] {
  return flagNames.flatMap((name) => {
    const flag: Flag = flags[name];
    const description = flag.type === 'integer' ? `${flag.description}; ${boundsOf(flag)}` : flag.description;
    return [`${name}:`, ...indented(2, ['description: >-', ...indented(2, wrapped(description)), ...typed(flag)])];
  });
}

function typed(flag: Flag): string[] {
  switch (flag.type) {
    case 'boolean':
      return ['type: bool', `default: ${flag.default}`];
    case 'integer':
      return ['type: int', `default: ${flag.default}`];
    case 'choice':
      return [`choices: [${flag.choices.join(', ')}]`, `default: ${flag.default}`];
    case 'text':
      return [`default: ${JSON.stringify(flag.default)}`];
  }
}

function bounds(): string[] {
  const integers = flagNames.flatMap((name: FlagName) => {
    const flag: Flag = flags[name];
    return flag.type === 'integer' ? [`${name}: [${flag.min}, ${flag.max}]`] : [];
  });
  return integers;
}

function indented(by: number, lines: readonly string[]): string[] {
  return lines.map((line) => `${' '.repeat(by)}${line}`);
}

function wrapped(text: string): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}

/** The text with its generated part replaced. */
export function withPart(text: string, { name, lines }: Part): string {
  const [begin, end] = [`# ${name}: made by npm run generate\n`, `# end of ${name}\n`];
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`no markers for ${name}`);
  const indent = text.slice(text.lastIndexOf('\n', from) + 1, from);
  const made = lines.map((line) => `${indent}${line}\n`).join('');
  return `${text.slice(0, from)}${begin}${made}${indent}${text.slice(to)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const part of parts) writeFileSync(part.file, withPart(readFileSync(part.file, 'utf8'), part));
