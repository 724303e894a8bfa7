/** Result of a check, with its severity. */
export type FindingStatus = 'ok' | 'warning' | 'problem' | 'skipped';

export interface Finding {
  readonly status: FindingStatus;
  /** The state found, in one line. */
  readonly message: string;
  /** What to do; '' when nothing is needed. */
  readonly advice: string;
}

export const ok = (message: string): Finding => ({ status: 'ok', message, advice: '' });
/** Not checked; the message says why. The finding of another check has the advice. */
export const skipped = (message: string): Finding => ({ status: 'skipped', message, advice: '' });
export const warning = (message: string, advice: string): Finding => ({ status: 'warning', message, advice });
export const problem = (message: string, advice: string): Finding => ({ status: 'problem', message, advice });

/** 0: all checks passed; 1: warnings; 2: problems. */
export function exitCode(findings: readonly Pick<Finding, 'status'>[]): 0 | 1 | 2 {
  if (findings.some(({ status }) => status === 'problem')) return 2;
  return findings.some(({ status }) => status === 'warning') ? 1 : 0;
}
