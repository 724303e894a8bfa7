/** Writes plain data as readable YAML: enough for Fleet's files. A parser reads back the same data. */

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

/** Text that YAML would not read as text, because of its first word or its content. */
const SPECIAL = /^$|^[\s\-?:,[\]{}#&*!|<>'"%@`=]|\t|^(true|false|null|yes|no|on|off|y|n|~)$|^[\d.+]|:\s|:$|\s#|\s$/i;

/** Longer lines are folded if they read back the same. */
const WIDTH = 120;

function scalar(value: string | number | boolean, indent: string): string {
  if (typeof value !== 'string') return String(value);
  const isBlock = !/^\s|\s$|\t|\r/.test(value);
  if (!value.includes('\n')) {
    if (isBlock && value.length > WIDTH) return ['>-', ...folded(value, `${indent}  `)].join('\n');
    return SPECIAL.test(value) ? JSON.stringify(value) : value;
  }
  // A literal block keeps SQL as it was written. A leading space would count as its indentation.
  if (!isBlock) return JSON.stringify(value);
  const lines = value.split('\n').map((line) => (line === '' ? '' : `${indent}  ${line}`));
  return ['|-', ...lines].join('\n');
}

/** A line break in a folded block is read as one space, so only a single space may become a line break. */
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
