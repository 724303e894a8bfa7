/** Rows with an eid greater than `after`, up to and including `upTo`. */
export interface EidRange {
  readonly after: number;
  readonly upTo: number;
}
