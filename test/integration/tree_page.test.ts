/** The page of `tree --html` in a real browser: its cost, its functions, and what it must never do. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { TreeDocument } from '../../src/commands/tree/document.ts';
import { writePage } from '../../src/commands/tree/page_file.ts';
import { HAS_CHROMIUM, launch } from '../tree/browser.ts';
import { incident } from '../tree/incident.ts';
import { largeForest } from '../tree/large_forest.ts';
import { Scene } from '../tree/scene.ts';
import { PATIENCE_MS } from './extension_under_test.ts';
import { ranLauncher } from './launcher.ts';

/** Elements and texts. */
const NODES_A_ROW = 30;
const directory = mkdtempSync(join(tmpdir(), 'pa-page-'));
let browser: Browser;
let page: Page;
/** What a page must not have. */
const trouble: string[] = [];

beforeAll(async () => {
  if (HAS_CHROMIUM) browser = await launch();
});
afterEach(async () => {
  await page?.close();
  expect(trouble.splice(0)).toEqual([]);
});
afterAll(async () => {
  await browser?.close();
  rmSync(directory, { recursive: true });
});

/** A screen with room for all rows of a small tree. */
const HIGH = 2_600;

async function openFile(file: string, hash = '', height = HIGH): Promise<void> {
  page = await browser.newPage({ viewport: { width: 1400, height }, timezoneId: 'UTC' });
  page.setDefaultTimeout(PATIENCE_MS);
  page.on('console', (message) => trouble.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => trouble.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => trouble.push(`dialog: ${dialog.message()}`));
  page.on('request', (request) => {
    if (request.url().split('#')[0] !== `file://${file}`) trouble.push(`request: ${request.url()}`);
  });
  await page.goto(`file://${file}${hash}`);
  await page.locator('.row').first().waitFor();
}

async function open(document: TreeDocument, { hash = '', selected = '', height = HIGH } = {}): Promise<void> {
  const file = join(directory, 'tree.html');
  await writePage(file, document, selected);
  await openFile(file, hash, height);
}

/** CPU time of all pages that are open now. */
async function rendererCpuSeconds(): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  return processInfo.filter(({ type }) => type === 'renderer').reduce((sum, { cpuTime }) => sum + cpuTime, 0);
}

const row = (pid: number) => page.locator('.row', { has: page.locator(`.pid:text-is("${pid}")`) });
const count = () => page.locator('#count').textContent();
const selectedPid = () => page.locator('.row[aria-selected="true"] .pid').textContent();

describe.skipIf(!HAS_CHROMIUM)('a page of 5,000 processes', () => {
  test('opens at a cost in proportion to its processes', async () => {
    const cost = async (processes: number) => {
      const document = largeForest(processes).document();
      const costs: number[] = [];
      for (let n = 0; n < 3; n++) {
        await page?.close();
        const before = await rendererCpuSeconds();
        await open(document, { height: 900 });
        await page.keyboard.press('ArrowDown');
        await page.locator('.row[aria-selected="true"]').waitFor();
        costs.push((await rendererCpuSeconds()) - before);
      }
      return Math.min(...costs);
    };
    const [small, large] = [await cost(500), await cost(5_000)];
    console.log(`page: CPU to open 500 processes ${small.toFixed(3)} s, 5,000 ${large.toFixed(3)} s`);
    expect(await count()).toBe('5000 processes');
    expect(large / small).toBeLessThan(20);
  });

  test('makes only the rows in sight when it folds and unfolds', async () => {
    await open(largeForest(5_000).document(), { height: 900 });
    const made = `(selector) => {
      const rows = document.getElementById('rows');
      const observer = new MutationObserver(() => undefined);
      observer.observe(rows, { childList: true, subtree: true });
      document.querySelector(selector).click();
      rows.getBoundingClientRect();
      const records = observer.takeRecords();
      observer.disconnect();
      return records.reduce((sum, { addedNodes }) => sum + addedNodes.length, 0);
    }`;
    for (const what of ['.row .toggle:not(.none)', '.row .toggle:not(.none)', '#fold', '#unfold']) {
      const nodes = await page.evaluate<number>(`(${made})(${JSON.stringify(what)})`);
      expect(nodes, what).toBeGreaterThan(0);
      expect(nodes, what).toBeLessThan(80 * NODES_A_ROW);
    }
  });

  test('has elements only for the rows in sight, at every scroll position', async () => {
    await open(largeForest(5_000).document(), { height: 900 });
    expect(await page.locator('.row').count()).toBeLessThan(80);
    await page.keyboard.press('End');
    await page.locator('.row[aria-selected="true"]').waitFor();
    expect(await page.locator('.row').count()).toBeLessThan(80);
    await page.locator('#search').fill('part-4321.o');
    expect(await count()).toBe('1 of 5000 processes match');
    await page.locator('.row mark').first().waitFor();
  });
});

describe.skipIf(!HAS_CHROMIUM)('the page', () => {
  test('shows sessions on the left, who failed, and the process that was asked for', async () => {
    const document = incident().document();
    await open(document, { selected: document.processes.find(({ pid }) => pid === 5148)?.entity_id ?? '' });
    expect(await selectedPid()).toBe('5148');
    expect(await page.locator('.session').first().textContent()).toBe('All sessions84');
    expect(await page.locator('.session', { hasText: 'deploy' }).textContent()).toMatch(
      /^sshdeploy34203\.0\.113\.24 · pts\/03 failed/,
    );
    expect(await row(5160).locator('.state').textContent()).toContain('SIGKILL');
    const ancestry = await page.locator('#details .ancestry li').allTextContents();
    expect(ancestry).toEqual([
      ...['systemd 1', 'php-fpm8.2 950', 'php-fpm8.2 951', 'dash 5140', 'dash 5142', 'dash 5147', 'kworkerd 5148'],
    ]);
    expect(await page.locator('#details .args-list li').allTextContents()).toEqual([
      ...['/tmp/.x/kworkerd', '-o', '198.51.100.7:3333', '--coin', 'x'],
    ]);
    await page.locator('#details .ancestor').nth(3).click();
    expect(await selectedPid()).toBe('5140');
  });

  test('shows every image of a process that executed several times', async () => {
    await open(incident().document());
    await row(4130).click();
    expect(await row(4130).locator('.command').textContent()).toBe('sudo → systemctl reload php8.2-fpm');
    expect(await page.locator('#details .image .path').allTextContents()).toEqual([
      '/usr/bin/sudo',
      '/usr/bin/systemctl',
    ]);
    expect(await page.locator('#details .image').first().textContent()).toContain('deploy as root');
  });

  test('is searched, filtered by session, user, time and end, and cleared', async () => {
    await open(incident().document());
    await page.locator('#search').fill('kworkerd chmod');
    expect(await count()).toBe('1 of 84 processes match');
    expect(await page.locator('mark').allTextContents()).toEqual(['chmod', 'kworkerd']);
    expect(await page.locator('.row.context').count()).toBe(5);
    await page.locator('#clear').click();
    expect(await count()).toBe('84 processes');
    await page.locator('[data-only="failed"]').click();
    expect(await count()).toBe('8 of 84 processes match');
    await page.locator('#user').selectOption('www-data');
    expect(await count()).toBe('3 of 84 processes match');
    await page.locator('#clear').click();
    await page.locator('.session', { hasText: 'deploy' }).click();
    expect(await count()).toBe('34 of 84 processes match');
    await page.locator('.session', { hasText: 'All sessions' }).click();
    await page.locator('input[aria-label="From"]').focus();
    await page.keyboard.press('PageUp');
    expect(await count()).toMatch(/^\d\d of 84 processes match$/);
    await page.waitForURL(/#from=\d+$/);
  });

  test('is used with the keyboard alone, as a tree is', async () => {
    await open(incident().document());
    const keys = async (...names: string[]) => {
      for (const name of names) await page.keyboard.press(name);
    };
    await keys('Home');
    expect(await selectedPid()).toBe('1');
    const tree = page.locator('#tree');
    expect(await tree.getAttribute('aria-activedescendant')).toBe('row-0');
    await keys('ArrowLeft');
    expect(await page.locator('.row').count()).toBe(2);
    expect(await row(1).getAttribute('aria-expanded')).toBe('false');
    await keys('ArrowRight', 'ArrowRight', 'ArrowDown', 'ArrowLeft', 'ArrowDown');
    expect(await selectedPid()).toBe('812');
    expect(await row(812).getAttribute('aria-level')).toBe('2');
    expect(await row(812).getAttribute('aria-posinset')).toBe('3');
    expect(await row(812).getAttribute('aria-setsize')).toBe('6');
    await keys('ArrowLeft', 'ArrowLeft');
    expect(await selectedPid()).toBe('1');
    await keys('/');
    await page.keyboard.type('sh -c');
    await keys('Enter');
    const first = await selectedPid();
    await keys('n');
    expect(await selectedPid()).not.toBe(first);
    await keys('N');
    expect(await selectedPid()).toBe(first);
    await keys('?');
    expect(await page.locator('#help').isVisible()).toBe(true);
    await keys('Escape', 'Escape', 'Escape');
    expect(await page.locator('#help').isVisible()).toBe(false);
    expect(await count()).toBe('84 processes');
    expect(await page.locator('.row[aria-selected="true"]').count()).toBe(0);
  });

  test('keeps what it shows in its address, so that a link shows the same', async () => {
    await open(incident().document());
    await page.locator('#search').fill('tmp');
    await page.locator('#user').selectOption('www-data');
    await row(5148).click();
    await page.waitForURL(/process=/);
    const hash = new URL(page.url()).hash;
    const shown = await page.locator('.row .pid').allTextContents();
    await page.close();
    await open(incident().document(), { hash });
    expect(await page.locator('.row .pid').allTextContents()).toEqual(shown);
    expect(await selectedPid()).toBe('5148');
    expect(await page.locator('#search').inputValue()).toBe('tmp');
  });

  test('shows the process of an address that is entered into an open page, also below a fold', async () => {
    await open(incident().document());
    await page.locator('#fold').click();
    expect(await row(5148).count()).toBe(0);
    const { entity_id = '' } =
      incident()
        .document()
        .processes.find(({ pid }) => pid === 5148) ?? {};
    // The page may write its own address before it sees the new one.
    await page.evaluate(
      `location.hash = 'process=${entity_id}'; history.replaceState(undefined, '', location.pathname)`,
    );
    await row(5148).waitFor();
    expect(await selectedPid()).toBe('5148');
  });

  test('is read aloud with blanks between its words', async () => {
    await open(incident().document());
    const names = await page.locator('.row', { has: page.locator('.forked') }).allTextContents();
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect(name).toMatch(/^forked \S/);
  });

  test('copies the SQL that asks for a process', async () => {
    await open(incident().document());
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await row(5148).click();
    await page.locator('.copies button', { hasText: 'its execs' }).click();
    await page.locator('.copies button', { hasText: 'copied' }).waitFor();
    const copied = await page.evaluate<string>('navigator.clipboard.readText()');
    expect(copied).toMatch(/^SELECT \* FROM process_ancestry_events WHERE entity_id = 'c2NlbmU\.3z0\.\w+';$/);
  });

  test('is light or dark as the reader’s screen is, and printed whole', async () => {
    await open(incident().document());
    const background = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await background()).toBe('rgb(255, 255, 255)');
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await background()).toBe('rgb(20, 24, 29)');
    await page.emulateMedia({ media: 'print' });
    await page.evaluate("dispatchEvent(new Event('beforeprint'))");
    expect(await page.locator('.row').count()).toBe(78);
    expect(await page.locator('#sessions').isVisible()).toBe(false);
  });
});

describe.skipIf(!HAS_CHROMIUM)('text that any user can write', () => {
  const hostile = [
    '<img src=x onerror=alert(1)>',
    '</script><script>alert(2)</script>',
    '<!--<script>',
    '"><svg onload=alert(3)>',
    '\u2028alert(4)\u2029',
    '\u202Egpj.exe',
    'javascript:alert(5)',
    '\ud800\0\x1b[31m',
    "'; DROP TABLE x; --",
  ];

  function scene(): Scene {
    const made = new Scene();
    const init = made.process(1, ['init'], { at: 1_793_523_900 });
    for (const [n, text] of hostile.entries()) {
      const about = {
        parent: init,
        at: 1_793_523_900 + n,
        path: `/tmp/${text}`,
        cwd: text,
        tty: text,
        ip: text,
        entry: 'sshd',
      };
      made.run(100 + n, [text, text], about);
    }
    return made;
  }

  test('is text in the page, and nothing else', async () => {
    const document = scene().document();
    const named = {
      ...document,
      host: hostile[0] ?? '',
      processes: document.processes.map((one) => ({ ...one, user: hostile[1] ?? '' })),
    };
    await open(named, { hash: `#q=${encodeURIComponent(hostile[0] ?? '')}` });
    await page.locator('#clear').click();
    for (const n of hostile.keys()) {
      await row(100 + n).click();
      await page.locator('#details .path').waitFor();
    }
    expect(await page.locator('img, svg image, iframe, .row script, #details script').count()).toBe(0);
    expect(await page.locator('script').count()).toBe(2);
    expect(await row(100).locator('.command').textContent()).toContain('<img src=x onerror=alert(1)>');
    expect(await row(105).locator('.command').textContent()).toContain('\\u202egpj.exe');
  });

  test('cannot run: the policy lets only the page’s own program run, and lets it load nothing', async () => {
    await open(scene().document());
    const policy = await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute('content');
    expect(policy).toMatch(/^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+';/);
    const ran = await page.evaluate<unknown>(`new Promise((resolve) => {
      const script = document.createElement('script');
      script.textContent = 'window.ran = true';
      const refused = [];
      document.addEventListener('securitypolicyviolation', (event) => {
        refused.push(event.effectiveDirective);
        if (refused.length === 2) resolve({ ran: window.ran, refused });
      });
      document.body.append(script);
      fetch('http://127.0.0.1:9/').catch(() => undefined);
    })`);
    expect(ran).toEqual({ refused: ['script-src-elem', 'connect-src'] });
    // The browser reports both.
    expect(trouble.splice(0).every((one) => /^console: .*(Content Security Policy|violates)/.test(one))).toBe(true);
  });
});

describe.skipIf(!HAS_CHROMIUM)('tree --html', () => {
  test('writes a page that only its owner can read, in place of what was there', async () => {
    const file = join(directory, 'sample.html');
    const { status, stderr } = await ranLauncher(['tree', '--replay-file', ':sample:', '4065', '--html', file]);
    expect({ status, stderr }).toMatchObject({ status: 0, stderr: expect.stringContaining('8 processes') });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await openFile(file);
    expect(await selectedPid()).toBe('4065');
    expect(await page.locator('#host').textContent()).toBe(':sample:');
  });
});

test('the sample of a page is there to be shown', () => {
  expect(statSync(fileURLToPath(new URL('../../packaging/screenshot/tree.png', import.meta.url))).size).toBeLessThan(
    300_000,
  );
});
