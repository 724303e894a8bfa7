/** Greeting of the prompt: the source of the rows, and an example statement. */
import { setTimeout as delay } from 'node:timers/promises';
import type { QueryRunner } from './prompt_session.ts';

const lookMs = 50;

/** Waits until the extension has chosen its collector. */
export async function greeting(runner: QueryRunner, signal: AbortSignal): Promise<string> {
  let state = await recorded(runner, signal);
  while (state === 'starting' && !signal.aborted) {
    await delay(lookMs, undefined, { signal }).catch(() => undefined);
    state = await recorded(runner, signal);
  }
  return `${sentences(state)}
  SELECT pid, cmdline, json_extract(ancestry, '$[0].exe_name') AS started_by FROM process_ancestry_events LIMIT 10;

`;
}

function sentences(collector: string): string {
  const ending = "End SQL with ';'. .help shows help.";
  switch (collector) {
    case 'replay':
      return `A recorded log is replayed: the rows are not from this host, and this host is not recorded. ${ending} Try:`;
    case 'none':
      return `Nothing is recorded: SELECT problems FROM process_ancestry_cache_stats; says why. ${ending} Example:`;
    default:
      return `Each program execution is recorded from now on (collector: ${collector}). ${ending}
Run something in another terminal, then try:`;
  }
}

/** The collector; 'starting' until one is chosen or a problem is reported. */
async function recorded(runner: QueryRunner, signal: AbortSignal): Promise<string> {
  try {
    const { rows } = await runner.query(
      `SELECT collector, (SELECT count(*) FROM json_each(problems)
        WHERE value ->> 'code' <> 'configuration_awaited') FROM process_ancestry_cache_stats`,
      signal,
    );
    const [collector = null, problems = null] = rows[0] ?? [];
    return collector === 'none' && problems === '0' ? 'starting' : (collector ?? 'unknown');
  } catch {
    return 'unknown';
  }
}
