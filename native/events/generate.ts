/**
 * Generates the code for both sides of the native queue from the declaration. `npm run generate` writes the files. A unit test
 * fails if the files differ.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ENUMS, type EventKind, EXEC_DETAILS, type Field, KINDS, SOURCES } from './declaration.ts';

const HEADER_BYTES = 20;
/** Bits of the header's flags: has ExecDetails; the first flag of ExecDetails; the first flag of the kind. */
const HAS_DETAILS = 1;
const FIRST_DETAILS_BIT = 1;
const FIRST_KIND_BIT = 12;
const UNSET = 0xffffffff;
const MADE = 'Generated from native/events/declaration.ts by `npm run generate`. Do not edit.';

const isEnum = (type: string): type is keyof typeof ENUMS => type in ENUMS;
const isFlag = ({ type }: Field) => type === 'flag';
const isText = ({ type }: Field) => type === 'text' || type === 'terminal';
const isFixed = (field: Field) => !isFlag(field) && !isText(field);
const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const pascal = (name: string) => `${name[0]?.toUpperCase()}${name.slice(1)}`;
const constant = (name: string) => `k${pascal(name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()))}`;

function bytesOf({ type }: Field): number {
  if (isEnum(type)) return 1;
  return type === 'f64' || type === 'inode' || type === 'measure' ? 8 : 4;
}

/** The bit of each flag, in the order of declaration. */
function bitsOf(fields: readonly Field[], first: number): { field: Field; bit: number }[] {
  return fields.filter(isFlag).map((field, i) => {
    const bit = 2 ** (first + i);
    if (bit > 0x8000) throw new Error(`no bit is left for the flag ${field.name}`);
    return { field, bit };
  });
}

function cxxType({ type }: Field): string {
  switch (type) {
    case 'i32':
    case 'pid':
    case 'somePid':
      return 'int32_t';
    case 'u32':
    case 'id':
      return 'uint32_t';
    case 'f64':
    case 'inode':
    case 'measure':
      return 'double';
    case 'text':
    case 'terminal':
      return 'std::string_view';
    case 'flag':
      return 'bool';
    default:
      return type;
  }
}

function cxxDefault({ type }: Field): string {
  if (isText({ type } as Field)) return '';
  if (type === 'id') return ' = kUnknown';
  if (type === 'measure') return ' = NAN';
  if (type === 'flag') return ' = false';
  return isEnum(type) ? ` = ${type}::kUnknown` : ' = 0';
}

function cxxComment(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.replaceAll('`', '').split(' ')) {
    if (`${indent}// ${line} ${word}`.length > 108) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((one) => `${indent}// ${one}`);
}

function cxxStruct(name: string, description: string, fields: readonly Field[], more: readonly string[]): string[] {
  return [
    ...cxxComment(description, ''),
    `struct ${name} {`,
    ...fields.flatMap((field) => [
      ...cxxComment(field.description, '  '),
      `  ${cxxType(field)} ${snake(field.name)}${cxxDefault(field)};`,
    ]),
    ...more,
    '};',
    '',
  ];
}

const structName = ({ name }: EventKind) => `${pascal(name)}Event`;

export function cxxHeader(): string {
  const enumLines = Object.entries(ENUMS).flatMap(([name, values]) => [
    `enum class ${name} : uint8_t {`,
    ...values.map((value, i) => `  ${value === '' ? 'kUnknown' : constant(value)} = ${i},`),
    '};',
  ]);
  const packers = KINDS.flatMap((kind) => [
    `size_t packed_size(const ${structName(kind)}& event);`,
    `uint16_t flags_of(const ${structName(kind)}& event);`,
    `uint8_t* pack(uint8_t* to, const ${structName(kind)}& event);`,
  ]);
  return [
    `// ${MADE}`,
    '#pragma once',
    '',
    '#include <cmath>',
    '#include <cstddef>',
    '#include <cstdint>',
    '#include <string_view>',
    '',
    'namespace process_ancestry {',
    '',
    'enum class Kind : uint8_t {',
    ...KINDS.map(({ name, code }) => `  ${constant(name)} = ${code},`),
    '};',
    'enum class Source : uint8_t {',
    ...SOURCES.map((name, i) => `  ${constant(name)} = ${i},`),
    '};',
    ...enumLines,
    '',
    '// An unknown id. For auid and ses also the kernel\'s "unset".',
    'constexpr uint32_t kUnknown = 0xffffffff;',
    '',
    ...cxxStruct(
      'ExecDetails',
      'What was executed, and with which ids. Texts are raw bytes. Their memory belongs to the maker of the details and is valid until its next use.',
      EXEC_DETAILS,
      [],
    ),
    ...KINDS.flatMap((kind) =>
      cxxStruct(structName(kind), kind.description, kind.fields, [
        ...(kind.details ? ['  const ExecDetails* details = nullptr;'] : []),
        `  static constexpr Kind kKind = Kind::${constant(kind.name)};`,
      ]),
    ),
    '// The payload size of an event, the flags of its header, and a function that writes the payload and returns',
    '// its end.',
    ...packers,
    '',
    '}  // namespace process_ancestry',
    '',
  ].join('\n');
}

/** A function of one event in the project's format: on one line if it only returns. */
function cxxFunction(start: string, kind: EventKind, body: readonly string[]): string[] {
  const name = body.some((line) => line.includes('event')) ? ' event' : '';
  const head = `${start} ${structName(kind)}&${name}) {`;
  if (body.length === 1) return [`${head} ${body[0]?.trim()} }`, ''];
  return [head, ...body, '}', ''];
}

export function cxxSource(): string {
  const sum = (fields: readonly Field[], of: string) => {
    const fixed = fields.filter(isFixed).reduce((bytes, field) => bytes + bytesOf(field), 0);
    const texts = fields.filter(isText);
    return [
      `  size_t size = ${fixed + 4 * texts.length};`,
      ...texts.map(({ name }) => `  size += ${of}.${snake(name)}.size();`),
      '  return size;',
    ];
  };
  const flags = (fields: readonly Field[], first: number, of: string) =>
    bitsOf(fields, first).map(({ field, bit }) => `  if (${of}.${snake(field.name)}) flags |= 0x${bit.toString(16)};`);
  const put = (fields: readonly Field[], of: string) => [
    ...fields.filter(isFixed).map(({ name }) => `  to = put(to, ${of}.${snake(name)});`),
  ];
  const putTexts = (fields: readonly Field[], of: string) =>
    fields.filter(isText).map(({ name }) => `  to = put_text(to, ${of}.${snake(name)});`);
  const kindLines = KINDS.flatMap((kind) => {
    const kindFlags = flags(kind.fields, FIRST_KIND_BIT, 'event');
    const payload = [
      ...put(kind.fields, 'event'),
      ...(kind.details ? ['  if (event.details != nullptr) to = pack_numbers(to, *event.details);'] : []),
      ...putTexts(kind.fields, 'event'),
      ...(kind.details ? ['  if (event.details != nullptr) to = pack_texts(to, *event.details);'] : []),
    ];
    const size = sum(kind.fields, 'event');
    if (kind.details) size.splice(-1, 0, '  if (event.details != nullptr) size += packed_size(*event.details);');
    const flagged = [
      ...kindFlags,
      ...(kind.details ? ['  if (event.details != nullptr) flags |= flags_of(*event.details);'] : []),
    ];
    const simple = size.length === 2;
    return [
      ...cxxFunction('size_t packed_size(const', kind, simple ? [`  return ${/\d+/.exec(size[0] ?? '')?.[0]};`] : size),
      ...cxxFunction(
        'uint16_t flags_of(const',
        kind,
        flagged.length === 0 ? ['  return 0;'] : ['  uint16_t flags = 0;', ...flagged, '  return flags;'],
      ),
      ...cxxFunction('uint8_t* pack(uint8_t* to, const', kind, [...payload, '  return to;']),
    ];
  });
  return [
    `// ${MADE}`,
    '#include "events.h"',
    '',
    '#include <cstring>',
    '',
    'namespace process_ancestry {',
    'namespace {',
    '',
    'static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "events are packed in the host\'s byte order");',
    '',
    'template <typename T>',
    'uint8_t* put(uint8_t* to, const T& value) {',
    '  std::memcpy(to, &value, sizeof value);',
    '  return to + sizeof value;',
    '}',
    '',
    'uint8_t* put_text(uint8_t* to, std::string_view text) {',
    '  to = put(to, static_cast<uint32_t>(text.size()));',
    '  if (!text.empty()) std::memcpy(to, text.data(), text.size());',
    '  return to + text.size();',
    '}',
    '',
    'size_t packed_size(const ExecDetails& details) {',
    ...sum(EXEC_DETAILS, 'details'),
    '}',
    '',
    'uint16_t flags_of(const ExecDetails& details) {',
    `  uint16_t flags = ${HAS_DETAILS};`,
    ...flags(EXEC_DETAILS, FIRST_DETAILS_BIT, 'details'),
    '  return flags;',
    '}',
    '',
    'uint8_t* pack_numbers(uint8_t* to, const ExecDetails& details) {',
    ...put(EXEC_DETAILS, 'details'),
    '  return to;',
    '}',
    '',
    'uint8_t* pack_texts(uint8_t* to, const ExecDetails& details) {',
    ...putTexts(EXEC_DETAILS, 'details'),
    '  return to;',
    '}',
    '',
    '}  // namespace',
    '',
    ...kindLines,
    '}  // namespace process_ancestry',
    '',
  ].join('\n');
}

function tsType({ type }: Field): string {
  if (isEnum(type)) return type;
  switch (type) {
    case 'pid':
      return 'Pid | undefined';
    case 'somePid':
      return 'Pid';
    case 'id':
    case 'inode':
    case 'measure':
      return 'number | undefined';
    case 'text':
    case 'terminal':
      return 'string';
    case 'flag':
      return 'boolean';
    default:
      return 'number';
  }
}

/** Fields of a kind are optional for events made in TypeScript. */
const tsFields = (fields: readonly Field[], mayLack = false) =>
  fields.flatMap((field) => {
    const type = tsType(field);
    const isOptional = mayLack && (type.endsWith('undefined') || type === 'boolean');
    const declared = isOptional && type === 'boolean' ? 'boolean | undefined' : type;
    return [`  /** ${field.description} */`, `  readonly ${field.name}${isOptional ? '?' : ''}: ${declared};`];
  });

function tsUnknown(field: Field): string {
  if (isFlag(field)) return 'false';
  if (isText(field) || isEnum(field.type)) return "''";
  return tsType(field).endsWith('undefined') ? 'undefined' : '0';
}

/** Expressions that read the fixed fields, each at its own offset from `at`. */
function tsReaders(fields: readonly Field[], start: number, at: string): { lines: string[]; end: number } {
  let offset = start;
  const lines = fields.filter(isFixed).map((field) => {
    const where = offset === 0 ? at : `${at} + ${offset}`;
    offset += bytesOf(field);
    const { name, type } = field;
    if (isEnum(type)) return `${name}: ${snake(type).slice(1).toUpperCase()}[batch.readUInt8(${where})] ?? '',`;
    switch (type) {
      case 'i32':
        return `${name}: batch.readInt32LE(${where}),`;
      case 'somePid':
        return `${name}: batch.readInt32LE(${where}) as Pid,`;
      case 'pid':
        return `${name}: pidAt(batch, ${where}),`;
      case 'id':
        return `${name}: idAt(batch, ${where}),`;
      case 'inode':
        return `${name}: batch.readDoubleLE(${where}) || undefined,`;
      case 'measure':
        return `${name}: measureAt(batch, ${where}),`;
      case 'f64':
        return `${name}: batch.readDoubleLE(${where}),`;
      default:
        return `${name}: batch.readUInt32LE(${where}),`;
    }
  });
  return { lines, end: offset };
}

const tsTexts = (fields: readonly Field[]) =>
  fields
    .filter(isText)
    .map(({ name, type }) => `${name}: ${type === 'terminal' ? 'terminalNamed(texts.next())' : 'texts.next()'},`);

const tsFlags = (fields: readonly Field[], first: number) =>
  bitsOf(fields, first).map(({ field, bit }) => `${field.name}: (flags & 0x${bit.toString(16)}) !== 0,`);

export function typescript(): string {
  const enums = Object.entries(ENUMS).flatMap(([name, values]) => [
    `export type ${name} = ${values.map((value) => `'${value}'`).join(' | ')};`,
    `const ${snake(name).slice(1).toUpperCase()}: readonly ${name}[] = [${values.map((value) => `'${value}'`).join(', ')}];`,
    '',
  ]);
  const numbers = tsReaders(EXEC_DETAILS, 0, 'at');
  const interfaces = KINDS.filter(({ name }) => name !== 'clock').flatMap((kind) => [
    `/** ${kind.description} */`,
    `export interface ${structName(kind)} extends EventBase {`,
    `  readonly kind: '${kind.name}';`,
    ...tsFields(kind.fields, true),
    ...(kind.details ? [`  readonly details: ExecDetails${kind.details === 'optional' ? ' | undefined' : ''};`] : []),
    '}',
    '',
  ]);
  const cases = KINDS.flatMap((kind) => {
    const { lines, end } = tsReaders(kind.fields, 0, 'at');
    const texts = kind.fields.some(isText) || kind.details;
    const details =
      kind.details === 'optional'
        ? [`details: (flags & ${HAS_DETAILS}) !== 0 ? detailsAt(batch, at + ${end}, flags, texts) : undefined,`]
        : kind.details
          ? [`details: detailsAt(batch, at + ${end}, flags, texts),`]
          : [];
    const start = kind.details ? end + numbers.end : end;
    return [
      `case ${kind.code}: {`,
      ...(texts ? [`const texts = new Texts(batch, at + ${start});`] : []),
      `return { kind: '${kind.name}', ...base, ${[...lines, ...tsTexts(kind.fields), ...tsFlags(kind.fields, FIRST_KIND_BIT), ...details].join(' ')} };`,
      '}',
    ];
  });
  const events = KINDS.filter(({ name }) => name !== 'clock').map(structName);
  return [
    '/**',
    ' * The events that cross from the native sensors, as types, and the decoder of their packed form (native/batch.h).',
    ` * ${MADE}`,
    ' */',
    "import { terminalNamed } from '../linux/terminal.ts';",
    '',
    '/** A process id (a tgid) in the initial pid namespace. A process is a pid *and* a start time: see EntityId. */',
    "export type Pid = number & { readonly brand: 'Pid' };",
    '',
    `export type EventOrigin = ${SOURCES.map((name) => `'${name}'`).join(' | ')};`,
    `const ORIGINS: readonly EventOrigin[] = [${SOURCES.map((name) => `'${name}'`).join(', ')}];`,
    '',
    ...enums,
    '/** A batch that does not follow native/batch.h. That is a bug: native code and this file disagree. */',
    'export class BatchFormatError extends Error {',
    "  override readonly name = 'BatchFormatError';",
    '}',
    '',
    'interface EventBase {',
    '  readonly origin: EventOrigin;',
    '  readonly pid: Pid;',
    '  /** CLOCK_BOOTTIME in milliseconds; Unix time in a recorded log, which has no boot time. */',
    '  readonly bootMs: number;',
    '  readonly unixMs: number;',
    '}',
    '',
    '/** What was executed, and with which ids. Fields that the source did not report are undefined or empty texts. */',
    'export interface ExecDetails {',
    ...tsFields(EXEC_DETAILS),
    '}',
    '',
    '/** The details of an exec without any known fact. */',
    'export const NO_DETAILS: ExecDetails = {',
    ...EXEC_DETAILS.map((field) => `${field.name}: ${tsUnknown(field)},`),
    '};',
    '',
    ...interfaces,
    `export type SensorEvent = ${events.join(' | ')};`,
    '',
    'const idAt = (batch: Buffer, at: number): number | undefined => {',
    '  const value = batch.readUInt32LE(at);',
    `  return value === ${UNSET} ? undefined : value;`,
    '};',
    'const pidAt = (batch: Buffer, at: number): Pid | undefined => {',
    '  const value = batch.readInt32LE(at);',
    '  return value > 0 ? (value as Pid) : undefined;',
    '};',
    'const measureAt = (batch: Buffer, at: number): number | undefined => {',
    '  const value = batch.readDoubleLE(at);',
    '  return Number.isNaN(value) ? undefined : value;',
    '};',
    '',
    '/** Reads the texts of a record in order. */',
    'class Texts {',
    '  readonly #batch: Buffer;',
    '  #at: number;',
    '',
    '  constructor(batch: Buffer, at: number) {',
    '    this.#batch = batch;',
    '    this.#at = at;',
    '  }',
    '',
    '  next(): string {',
    '    const length = this.#batch.readUInt32LE(this.#at);',
    '    this.#at += 4;',
    '    if (length === 0) return "";',
    '    if (length > this.#batch.length - this.#at) {',
    `      throw new BatchFormatError(\`text of \${length} bytes at byte \${this.#at}\`);`,
    '    }',
    "    const text = this.#batch.toString('utf8', this.#at, this.#at + length);",
    '    this.#at += length;',
    '    return text;',
    '  }',
    '}',
    '',
    'function detailsAt(batch: Buffer, at: number, flags: number, texts: Texts): ExecDetails {',
    '  return {',
    ...numbers.lines,
    ...tsFlags(EXEC_DETAILS, FIRST_DETAILS_BIT),
    '    // Read in the order of the texts in the record.',
    ...tsTexts(EXEC_DETAILS),
    '  };',
    '}',
    '',
    '/** A clock record has Unix ms minus CLOCK_BOOTTIME ms for the records after it. */',
    "export type ClockRecord = { readonly kind: 'clock'; readonly offset: number | undefined };",
    '',
    '/** Reads the record at `start`. Its header is complete. `bootToUnixMs` is the offset of the last clock record. */',
    'export function decodeRecord(batch: Buffer, start: number, bootToUnixMs: number): SensorEvent | ClockRecord {',
    '  const kind = batch.readUInt8(start + 4);',
    "  const origin = ORIGINS[batch.readUInt8(start + 5)] ?? 'none';",
    '  const flags = batch.readUInt16LE(start + 6);',
    '  const time = batch.readDoubleLE(start + 12);',
    `  const at = start + ${HEADER_BYTES};`,
    '  const base = {',
    '    origin,',
    '    pid: batch.readInt32LE(start + 8) as Pid,',
    "    bootMs: origin === 'audit' ? time - bootToUnixMs : time,",
    "    unixMs: origin === 'audit' ? time : time + bootToUnixMs,",
    '  };',
    '  switch (kind) {',
    ...cases,
    '    default:',
    `      throw new BatchFormatError(\`unknown kind \${kind} at byte \${start}\`);`,
    '  }',
    '}',
    '',
  ].join('\n');
}

/** For the native tests: reads back a record of a batch by field names. */
export function cxxUnpack(): string {
  const read = (fields: readonly Field[]) =>
    fields.filter(isFixed).map((field) => {
      const type = isEnum(field.type) ? 'uint8_t' : cxxType(field);
      return `  record.numbers["${snake(field.name)}"] = static_cast<double>(reader.get<${type}>());`;
    });
  const texts = (fields: readonly Field[]) =>
    fields.filter(isText).map(({ name }) => `  record.texts["${snake(name)}"] = reader.text();`);
  const flags = (fields: readonly Field[], first: number) =>
    bitsOf(fields, first).map(
      ({ field, bit }) => `  record.flags["${snake(field.name)}"] = (flags & 0x${bit.toString(16)}) != 0;`,
    );
  const indented = (lines: readonly string[]) => lines.map((line) => `    ${line}`);
  const cases = KINDS.flatMap((kind) => [
    `    case Kind::${constant(kind.name)}:`,
    ...indented([
      ...read(kind.fields),
      ...(kind.details ? ['  if (has_details) read_numbers(reader, record);'] : []),
      ...texts(kind.fields),
      ...flags(kind.fields, FIRST_KIND_BIT),
      ...(kind.details ? ['  if (has_details) read_texts(reader, flags, record);'] : []),
      '  break;',
    ]),
  ]);
  return [
    `// ${MADE}`,
    '#include "unpack.h"',
    '',
    'namespace process_ancestry::test {',
    'namespace {',
    '',
    'void read_numbers(Reader& reader, Unpacked& record) {',
    ...read(EXEC_DETAILS),
    '}',
    '',
    'void read_texts(Reader& reader, uint16_t flags, Unpacked& record) {',
    ...texts(EXEC_DETAILS),
    ...flags(EXEC_DETAILS, FIRST_DETAILS_BIT),
    '}',
    '',
    '}  // namespace',
    '',
    'void read_payload(Reader& reader, uint16_t flags, Unpacked& record) {',
    `  const bool has_details = (flags & ${HAS_DETAILS}) != 0;`,
    '  record.has_details = has_details;',
    '  switch (record.kind) {',
    ...cases,
    '  }',
    '}',
    '',
    '}  // namespace process_ancestry::test',
    '',
  ].join('\n');
}

/** For each field a value that is not its default and differs from its neighbours'. */
function sampleOf(field: Field, i: number): { cxx: string; ts: string } {
  const { type, name } = field;
  if (isEnum(type)) {
    const values = ENUMS[type];
    const value = values[1 + (i % (values.length - 1))] ?? '';
    return { cxx: `${type}::${constant(value)}`, ts: `'${value}'` };
  }
  if (type === 'flag') return { cxx: 'true', ts: 'true' };
  if (type === 'terminal') return { cxx: '"pts7"', ts: "'pts/7'" };
  if (type === 'text') return { cxx: `"${name} ä"`, ts: `'${name} ä'` };
  if (type === 'pid' || type === 'somePid') return { cxx: `${1000 + i}`, ts: `${1000 + i} as Pid` };
  const value = type === 'f64' || type === 'inode' || type === 'measure' ? `${1000 + i}.25` : `${1000 + i}`;
  return { cxx: value, ts: value };
}

export function cxxSamples(): string {
  const set = (fields: readonly Field[], of: string, from: number) =>
    fields.map((field, i) => `  ${of}.${snake(field.name)} = ${sampleOf(field, from + i).cxx};`);
  return [
    `// ${MADE}`,
    '#include "samples.h"',
    '',
    'namespace process_ancestry::test {',
    '',
    'void pack_samples(Batch& batch) {',
    '  ExecDetails details;',
    ...set(EXEC_DETAILS, 'details', 100),
    ...KINDS.flatMap((kind, i) => [
      `  ${structName(kind)} ${kind.name};`,
      ...set(kind.fields, kind.name, 0),
      ...(kind.details ? [`  ${kind.name}.details = &details;`] : []),
      `  batch.add(Source::kEbpf, ${i + 1}, ${i}.5, ${kind.name});`,
    ]),
    '}',
    '',
    '}  // namespace process_ancestry::test',
    '',
  ].join('\n');
}

export function tsSamples(): string {
  const object = (fields: readonly Field[], from: number) =>
    fields.map((field, i) => `${field.name}: ${sampleOf(field, from + i).ts},`);
  return [
    `/** The decoder's expected result for the samples of native/test/samples.cc. ${MADE} */`,
    "import type { ExecDetails, Pid } from '../../../src/collect/events.ts';",
    '',
    'const details: ExecDetails = {',
    ...object(EXEC_DETAILS, 100),
    '};',
    '',
    'export const SAMPLES = [',
    ...KINDS.map((kind, i) =>
      kind.name === 'clock'
        ? `{ kind: '${kind.name}', ${object(kind.fields, 0).join(' ')} },`
        : `{ kind: '${kind.name}', origin: 'ebpf', pid: ${i + 1}, time: ${i}.5, ${object(kind.fields, 0).join(' ')}${kind.details ? ' details,' : ''} },`,
    ),
    '] as const;',
    '',
  ].join('\n');
}

const inRoot = (path: string) => new URL(`../../${path}`, import.meta.url);

/** The generated files and their texts. */
export const files: readonly { readonly file: URL; readonly text: () => string }[] = [
  { file: inRoot('native/events/events.h'), text: cxxHeader },
  { file: inRoot('native/events/events.cc'), text: cxxSource },
  { file: inRoot('native/test/samples.cc'), text: cxxSamples },
  { file: inRoot('native/test/unpack_payload.cc'), text: cxxUnpack },
  { file: inRoot('src/collect/events.ts'), text: () => formatted(typescript()) },
  { file: inRoot('test/unit/collect/samples.ts'), text: () => formatted(tsSamples()) },
];

/** Formats a text with the project's formatter. */
function formatted(text: string): string {
  const biome = fileURLToPath(inRoot('node_modules/.bin/biome'));
  return execFileSync(biome, ['format', '--stdin-file-path=made.ts'], { input: text, encoding: 'utf8' });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { file, text } of files) writeFileSync(file, text());
}
