/** Problems that the extension reports in the column `problems` of process_ancestry_cache_stats. */
import type { CollectorProblem } from '../../collect/source.ts';
import type { OsqueryView } from './osquery_view.ts';

export function reportedProblems({ stats }: Pick<OsqueryView, 'stats'>): readonly CollectorProblem[] {
  const list: unknown = JSON.parse(stats?.problems || '[]');
  if (!Array.isArray(list)) return [];
  return list.map((one: { code?: unknown; message?: unknown } | null) => ({
    code: String(one?.code ?? ''),
    message: String(one?.message ?? ''),
  }));
}
