/** The flag process_ancestry_metrics_textfile: the metrics file for node_exporter. */
import { isAbsolute } from 'node:path';

/** Throws for a bad path; the message says why. */
export function checkTextfilePath(text: string): void {
  if (text === '') return;
  const refuse = (why: string): never => {
    throw new Error(`process_ancestry_metrics_textfile=${JSON.stringify(text)}: ${why}`);
  };
  if (!isAbsolute(text) || text.includes('\0')) refuse('not an absolute path');
  if (!/[^/]\.prom$/.test(text)) refuse('node_exporter reads only files that end in .prom');
}
