/** What a check has found, and how bad it is. */
export type FindingStatus = 'ok' | 'warning' | 'problem' | 'skipped';

export interface Finding {
  readonly status: FindingStatus;
  /** What is the case, in one line. */
  readonly message: string;
  /** What to do; '' where there is nothing to do. */
  readonly advice: string;
}

export const ok = (message: string): Finding => ({ status: 'ok', message, advice: '' });
/** Could not be looked at, and why; something else says what to do about that. */
export const skipped = (message: string): Finding => ({ status: 'skipped', message, advice: '' });
export const warning = (message: string, advice: string): Finding => ({ status: 'warning', message, advice });
export const problem = (message: string, advice: string): Finding => ({ status: 'problem', message, advice });

/** 0: nothing to do; 1: warnings; 2: problems. */
export function exitCode(findings: readonly Pick<Finding, 'status'>[]): 0 | 1 | 2 {
  if (findings.some(({ status }) => status === 'problem')) return 2;
  return findings.some(({ status }) => status === 'warning') ? 1 : 0;
}
