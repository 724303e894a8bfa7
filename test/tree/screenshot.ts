/** Makes the pictures of the page for README.md from the made-up incident: `npm run screenshot`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writePage } from '../../src/commands/tree/page_file.ts';
import { launch } from './browser.ts';
import { incident } from './incident.ts';

const at = mkdtempSync(join(tmpdir(), 'pa-page-'));
const browser = await launch();
try {
  const file = join(at, 'tree.html');
  const document = incident().document();
  const miner = document.processes.find(({ pid }) => pid === 5148);
  await writePage(file, document, miner?.entity_id ?? '');
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await browser.newPage({ viewport: { width: 1360, height: 800 }, colorScheme, timezoneId: 'UTC' });
    await page.goto(`file://${file}`);
    await page.locator('[aria-selected="true"]').waitFor();
    const name = colorScheme === 'light' ? 'tree.png' : 'tree-dark.png';
    await page.screenshot({ path: fileURLToPath(new URL(`../../packaging/screenshot/${name}`, import.meta.url)) });
    await page.close();
  }
} finally {
  await browser.close();
  rmSync(at, { recursive: true });
}
