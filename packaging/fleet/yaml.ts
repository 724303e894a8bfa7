/** YAML as people write it, of plain data: enough for Fleet's files, and all of it is what a parser reads back. */

export type YamlValue = string | number | boolean | readonly YamlValue[] | YamlMapping;
export interface YamlMapping {
  readonly [key: string]: YamlValue;
}

/** A block; `value` is a mapping or a list. */
export function toYaml(value: readonly YamlValue[] | YamlMapping): string {
  return `${block(value, '').join('\n')}\n`;
}

function block(value: YamlValue, indent: string): string[] {
  if (isList(value)) {
    return value.flatMap((item) => {
      const [first = '', ...others] = isScalar(item)
        ? [`${indent}  ${scalar(item, `${indent}  `)}`]
        : block(item, `${indent}  `);
      return [`${indent}- ${first.slice(indent.length + 2)}`, ...others];
    });
  }
  if (isScalar(value)) return [`${indent}${scalar(value, indent)}`];
  return Object.entries(value).flatMap(([key, one]) =>
    isScalar(one) ? [`${indent}${key}: ${scalar(one, indent)}`] : [`${indent}${key}:`, ...block(one, `${indent}  `)],
  );
}

const isList = (value: YamlValue): value is readonly YamlValue[] => Array.isArray(value);
const isScalar = (value: YamlValue): value is string | number | boolean => typeof value !== 'object';

/** What YAML would take for something else than text, by its first word or by what is in it. */
const SPECIAL = /^$|^[\s\-?:,[\]{}#&*!|<>'"%@`=]|\t|^(true|false|null|yes|no|on|off|y|n|~)$|^[\d.+]|:\s|:$|\s#|\s$/i;

/** Longer lines are folded where that is read back as it was. */
const WIDTH = 120;

function scalar(value: string | number | boolean, indent: string): string {
  if (typeof value !== 'string') return String(value);
  const isBlock = !/^\s|\s$|\t|\r/.test(value);
  if (!value.includes('\n')) {
    if (isBlock && value.length > WIDTH) return ['>-', ...folded(value, `${indent}  `)].join('\n');
    return SPECIAL.test(value) ? JSON.stringify(value) : value;
  }
  // A literal block keeps SQL as it was written; one that begins with a blank would be taken for its indentation.
  if (!isBlock) return JSON.stringify(value);
  const lines = value.split('\n').map((line) => (line === '' ? '' : `${indent}  ${line}`));
  return ['|-', ...lines].join('\n');
}

/** A line break in a folded block is read as one blank: only a single one may become it. */
function folded(value: string, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of value.split(/(?<! ) (?! )/)) {
    if (line !== '' && indent.length + line.length + 1 + word.length > WIDTH) {
      lines.push(indent + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, indent + line];
}
