/** Where metrics are written for node_exporter: the flag process_ancestry_metrics_textfile. */
import { isAbsolute } from 'node:path';

/** Throws for what is no such path; the message says why. */
export function checkTextfilePath(text: string): void {
  if (text === '') return;
  const refuse = (why: string): never => {
    throw new Error(`process_ancestry_metrics_textfile=${JSON.stringify(text)}: ${why}`);
  };
  if (!isAbsolute(text) || text.includes('\0')) refuse('not an absolute path');
  if (!/[^/]\.prom$/.test(text)) refuse('node_exporter reads only files that end in .prom');
}
