/** Rows after one eid and up to another. */
export interface EidRange {
  readonly after: number;
  readonly upTo: number;
}
