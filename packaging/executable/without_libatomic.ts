/**
 * Node's official builds (25 and later) need libatomic.so.1 for one function, and neither a bare Debian nor a minimal
 * RHEL has it (https://github.com/nodejs/node/pull/60484). This adds the function to the executable, in the padding behind
 * its code, and removes the library from the list of needed ones. It refuses any layout that it does not know exactly.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

const LIBRARY = 'libatomic.so.1';
const FUNCTION = '__atomic_compare_exchange';
const PAGE = 4096;

// /usr/include/elf.h
const ET_EXEC = 2;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PF_X = 1;
const [DT_NULL, DT_NEEDED, DT_PLTRELSZ, DT_STRTAB, DT_SYMTAB] = [0, 1, 2, 5, 6] as const;
const [DT_RELA, DT_RELASZ, DT_JMPREL] = [7, 8, 23] as const;
const [DT_VERSYM, DT_FLAGS_1, DT_VERNEED, DT_VERNEEDNUM] = [0x6ffffff0, 0x6ffffffb, 0x6ffffffe, 0x6fffffff] as const;
/** By e_machine: EM_X86_64 with R_X86_64_JUMP_SLOT, EM_AARCH64 with R_AARCH64_JUMP_SLOT. */
const JUMP_SLOTS: ReadonlyMap<number, number> = new Map([
  [62, 7],
  [183, 1026],
]);
/** R_X86_64_NONE and R_AARCH64_NONE. */
const RELOCATION_NONE = 0;
/** In DT_FLAGS_1: slots are filled at the start, and relocations without a type are skipped. */
const DF_1_NOW = 1;
const VER_NDX_GLOBAL = 1;

interface DynamicEntry {
  /** Offsets in the file, as everywhere here. */
  readonly at: number;
  readonly tag: number;
  readonly value: bigint;
}

interface Segment {
  readonly at: number;
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/** The needed symbols of one library. */
interface Versions {
  readonly at: number;
  readonly file: number;
  readonly indexes: readonly number[];
}

interface Relocation {
  readonly at: number;
  readonly slot: number;
  readonly type: number;
  readonly symbol: number;
}

/**
 * Changes the executable's bytes in place: `code` becomes its __atomic_compare_exchange. False if it needs no libatomic.
 * Throws if it needs more of libatomic, or has another layout.
 */
export function withoutLibatomic(elf: Buffer, code: Buffer): boolean {
  assert.equal(elf.readUInt32BE(0), 0x7f454c46, 'an ELF file');
  const dynamic = dynamicEntries(elf);
  const entry = (tag: number): DynamicEntry => known(dynamic.find((one) => one.tag === tag));
  const value = (tag: number) => Number(entry(tag).value);
  const strings = fileOffset(elf, value(DT_STRTAB));
  const text = (offset: number) => elf.toString('latin1', strings + offset, elf.indexOf(0, strings + offset));
  const needed = dynamic.find((entry) => entry.tag === DT_NEEDED && text(Number(entry.value)) === LIBRARY);
  if (needed === undefined) return false;
  assert.equal(elf.readUInt16LE(16), ET_EXEC, 'an executable at fixed addresses');
  const jumpSlot = JUMP_SLOTS.get(elf.readUInt16LE(18));
  assert.ok(jumpSlot !== undefined, 'an executable for x86_64 or aarch64');
  assert.ok(value(DT_FLAGS_1) & DF_1_NOW, 'an executable whose functions are bound at its start');

  const versions = versionsOf(elf, fileOffset(elf, value(DT_VERNEED)), value(DT_VERNEEDNUM));
  const ours = versions.findIndex(({ file }) => text(file) === LIBRARY);
  assert.ok(ours >= 0 && versions.length > 1, `versions of ${LIBRARY} among others`);
  const symbols = fileOffset(elf, value(DT_SYMTAB));
  const versym = fileOffset(elf, value(DT_VERSYM));
  const fromLibrary: { symbol: number; name: string }[] = [];
  for (let symbol = 0; symbols + symbol * 24 < strings; symbol++) {
    if (!known(versions[ours]).indexes.includes(elf.readUInt16LE(versym + symbol * 2) & 0x7fff)) continue;
    fromLibrary.push({ symbol, name: text(elf.readUInt32LE(symbols + symbol * 24)) });
  }
  assert.deepEqual(
    fromLibrary.map(({ name }) => name),
    [FUNCTION],
    `what is used of ${LIBRARY}`,
  );
  const { symbol } = known(fromLibrary[0]);

  const uses = [
    ...relocations(elf, fileOffset(elf, value(DT_RELA)), value(DT_RELASZ)),
    ...relocations(elf, fileOffset(elf, value(DT_JMPREL)), value(DT_PLTRELSZ)),
  ].filter((relocation) => relocation.symbol === symbol);
  assert.deepEqual(
    uses.map(({ type }) => type),
    [jumpSlot],
    `uses of ${FUNCTION}`,
  );

  const address = appendCode(elf, code);
  const { at, slot } = known(uses[0]);
  elf.writeBigUInt64LE(BigInt(address), fileOffset(elf, slot));
  elf.writeBigUInt64LE(BigInt(RELOCATION_NONE), at + 8);
  elf.writeUInt16LE(VER_NDX_GLOBAL, versym + symbol * 2);
  unlinkVersions(elf, versions, ours, entry(DT_VERNEED));
  const numbers = entry(DT_VERNEEDNUM);
  elf.writeBigUInt64LE(BigInt(versions.length - 1), numbers.at + 8);
  // Later entries move up; the last one, DT_NULL, stays.
  elf.copyWithin(needed.at, needed.at + 16, known(dynamic.at(-1)).at + 16);
  return true;
}

/** Removes the entry of one library from the list, which is linked by offsets. */
function unlinkVersions(elf: Buffer, versions: readonly Versions[], index: number, first: DynamicEntry): void {
  const next = versions[index + 1];
  const before = versions[index - 1];
  if (before) elf.writeUInt32LE(next ? next.at - before.at : 0, before.at + 12);
  else elf.writeBigUInt64LE(first.value + BigInt(known(next).at - known(versions[index]).at), first.at + 8);
}

/** Appends it to the code, and returns its address. */
function appendCode(elf: Buffer, code: Buffer): number {
  const segment = known(segments(elf).find(({ type, flags }) => type === PT_LOAD && flags & PF_X));
  const end = segment.offset + segment.size;
  const begin = Math.ceil(end / 16) * 16;
  assert.ok(Math.ceil(end / PAGE) * PAGE >= begin + code.length, 'room behind the code, in its last page');
  assert.ok(
    elf.subarray(end, begin + code.length).every((byte) => byte === 0),
    'nothing in that room',
  );
  code.copy(elf, begin);
  const size = BigInt(begin + code.length - segment.offset);
  elf.writeBigUInt64LE(size, segment.at + 32);
  elf.writeBigUInt64LE(size, segment.at + 40);
  return segment.address + (begin - segment.offset);
}

function segments(elf: Buffer): Segment[] {
  const first = Number(elf.readBigUInt64LE(32));
  return Array.from({ length: elf.readUInt16LE(56) }, (_, index) => first + index * 56).map((at) => ({
    at,
    type: elf.readUInt32LE(at),
    flags: elf.readUInt32LE(at + 4),
    offset: Number(elf.readBigUInt64LE(at + 8)),
    address: Number(elf.readBigUInt64LE(at + 16)),
    size: Number(elf.readBigUInt64LE(at + 32)),
  }));
}

function fileOffset(elf: Buffer, address: number): number {
  const inside = segments(elf).find(
    (one) => one.type === PT_LOAD && address >= one.address && address < one.address + one.size,
  );
  assert.ok(inside, `address ${address} is in the file`);
  return inside.offset + address - inside.address;
}

/** Up to and including DT_NULL. */
function dynamicEntries(elf: Buffer): DynamicEntry[] {
  const segment = known(segments(elf).find(({ type }) => type === PT_DYNAMIC));
  const entries: DynamicEntry[] = [];
  for (let at = segment.offset; ; at += 16) {
    const entry = { at, tag: Number(elf.readBigUInt64LE(at)), value: elf.readBigUInt64LE(at + 8) };
    entries.push(entry);
    if (entry.tag === DT_NULL) return entries;
  }
}

function versionsOf(elf: Buffer, first: number, count: number): Versions[] {
  const found: Versions[] = [];
  for (let at = first; found.length < count; at += elf.readUInt32LE(at + 12)) {
    const indexes: number[] = [];
    let one = at + elf.readUInt32LE(at + 8);
    for (let n = 0; n < elf.readUInt16LE(at + 2); n++) {
      indexes.push(elf.readUInt16LE(one + 6));
      one += elf.readUInt32LE(one + 12);
    }
    found.push({ at, file: elf.readUInt32LE(at + 4), indexes });
  }
  return found;
}

function relocations(elf: Buffer, begin: number, bytes: number): Relocation[] {
  return Array.from({ length: bytes / 24 }, (_, index) => begin + index * 24).map((at) => ({
    at,
    slot: Number(elf.readBigUInt64LE(at)),
    type: elf.readUInt32LE(at + 8),
    symbol: elf.readUInt32LE(at + 12),
  }));
}

function known<T>(value: T | undefined): T {
  assert.notEqual(value, undefined, 'a part that every such file has');
  return value as T;
}

/** The compiled atomic_compare_exchange.c: code without references to the outside. */
export function readCode(objectText: string): Buffer {
  const code = readFileSync(objectText);
  assert.ok(code.length > 0 && code.length < 512, 'a small function');
  return code;
}
