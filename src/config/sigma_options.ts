/** Options of the command `sigma`. */

export const SIGMA_FORMATS = ['pack', 'fleet', 'sql'] as const;
export type SigmaFormat = (typeof SIGMA_FORMATS)[number];

/** SQLITE_MAX_COMPOUND_SELECT: more SELECTs are not joined by UNION ALL. */
export const RULES_PER_QUERY_MAX = 500;

export interface SigmaOptions {
  /** Files and folders with rules. */
  readonly paths: readonly string[];
  readonly format: SigmaFormat;
  /** Whether rules that cannot be expressed are left out. Otherwise nothing is written. */
  readonly skipUnsupported: boolean;
  readonly rulesPerQuery: number;
}
