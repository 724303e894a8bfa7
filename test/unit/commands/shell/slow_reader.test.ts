import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const EXTENSION = fileURLToPath(new URL('../../../../dist/process_ancestry.ext', import.meta.url));
/** Much more than a pipe holds. */
const ROWS = 2_000;
const STATEMENT = `WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < ${ROWS})
  SELECT v, hex(zeroblob(500)) AS text FROM n`;

test('the shell ends once its answers are read, also by a slow reader', async () => {
  const script = '"$0" shell --embedded --json --collector replay --replay-file :sample: "$1" | (sleep 2; cat)';
  const { stdout } = await promisify(execFile)('sh', ['-c', script, EXTENSION, STATEMENT], { maxBuffer: 1 << 26 });
  expect(JSON.parse(stdout)).toHaveLength(ROWS);
});
