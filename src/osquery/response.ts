/** ExtensionStatus: code 0 is success (ExtensionCode of thrift/osquery.thrift). */
export interface Status {
  readonly code: number;
  readonly message: string;
  /** A signed 64-bit integer as decimal text; '0' where it means nothing. */
  readonly uuid: string;
}

/** ExtensionResponse: a status, and the rows of a query or of a table call. */
export interface Response {
  readonly status: Status;
  readonly rows: readonly Readonly<Record<string, string>>[];
}

/** What an extension says about itself when it registers. */
export interface ExtensionInfo {
  readonly name: string;
  readonly version: string;
  readonly sdkVersion: string;
  readonly minSdkVersion: string;
}

/** The current value of one osquery option (flag). All three fields are text. */
export interface OptionInfo {
  readonly value: string;
  readonly defaultValue: string;
  readonly type: string;
}

/** Routes by registry name and plugin name: `{ table: { my_table: [{ id: 'column', … }, …] } }`. */
export type Registry = Readonly<Record<string, Readonly<Record<string, readonly Readonly<Record<string, string>>[]>>>>;
