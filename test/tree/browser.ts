/** Debian's Chromium, opens the page as a person would: from a file, and without a network. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

export const CHROMIUM = '/usr/bin/chromium';
export const HAS_CHROMIUM = existsSync(CHROMIUM);

export function launch(): Promise<Browser> {
  const quiet = ['--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update'];
  return chromium.launch({
    executablePath: CHROMIUM,
    timeout: 120_000,
    args: ['--no-sandbox', '--disable-gpu', '--disable-sync', ...quiet],
  });
}
