/** The structs that extension and manager exchange (thrift/osquery.thrift). */
import type { BinaryReader } from './binary_reader.ts';
import type { BinaryWriter } from './binary_writer.ts';
import { Type } from './protocol.ts';
import type { ExtensionInfo, OptionInfo, Response, Status } from './response.ts';

export function writeExtensionInfo(writer: BinaryWriter, info: ExtensionInfo): void {
  writeStrings(writer, [info.name, info.version, info.sdkVersion, info.minSdkVersion]);
}

export function readExtensionInfo(reader: BinaryReader): ExtensionInfo {
  const [name = '', version = '', sdkVersion = '', minSdkVersion = ''] = readStrings(reader, 4);
  return { name, version, sdkVersion, minSdkVersion };
}

export function writeOptionInfo(writer: BinaryWriter, { value, defaultValue, type }: OptionInfo): void {
  writeStrings(writer, [value, defaultValue, type]);
}

export function readOptionInfo(reader: BinaryReader): OptionInfo {
  const [value = '', defaultValue = '', type = ''] = readStrings(reader, 3);
  return { value, defaultValue, type };
}

export function writeStatus(writer: BinaryWriter, { code, message, uuid }: Status): void {
  writer.field(Type.I32, 1);
  writer.i32(code);
  writer.field(Type.STRING, 2);
  writer.string(message);
  writer.field(Type.I64, 3);
  writer.i64(BigInt(uuid));
  writer.stop();
}

export function readStatus(reader: BinaryReader): Status {
  let code = 0;
  let message = '';
  let uuid = 0n;
  reader.struct((id, type) => {
    if (id === 1 && type === Type.I32) code = reader.i32();
    else if (id === 2 && type === Type.STRING) message = reader.string();
    else if (id === 3 && type === Type.I64) uuid = reader.i64();
    else return false;
    return true;
  });
  return { code, message, uuid: String(uuid) };
}

export function readResponse(reader: BinaryReader): Response {
  let status: Status = { code: 0, message: '', uuid: '0' };
  let rows: Response['rows'] = [];
  reader.struct((id, type) => {
    if (id === 1 && type === Type.STRUCT) status = readStatus(reader);
    else if (id === 2 && type === Type.LIST) rows = reader.stringMaps();
    else return false;
    return true;
  });
  return { status, rows };
}

/** A struct of strings, with the field ids 1, 2, … */
function writeStrings(writer: BinaryWriter, values: readonly string[]): void {
  values.forEach((value, i) => {
    writer.field(Type.STRING, i + 1);
    writer.string(value);
  });
  writer.stop();
}

function readStrings(reader: BinaryReader, count: number): (string | undefined)[] {
  const values = new Array<string | undefined>(count);
  reader.struct((id, type) => {
    if (id < 1 || id > count || type !== Type.STRING) return false;
    values[id - 1] = reader.string();
    return true;
  });
  return values;
}
