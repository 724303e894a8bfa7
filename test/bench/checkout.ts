/** The measured checkouts, which are built: this one and one of 0.1.0. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Checkout {
  readonly name: string;
  readonly directory: string;
  readonly version: 'this' | '0.1.0';
  /** The file that osquery would start. */
  readonly program: string;
}

/** The commit with which budgets are compared. */
export const OLD_COMMIT = '9d4203f';

export const THIS: Checkout = checkoutAt(fileURLToPath(new URL('../../', import.meta.url)), 'this extension', 'this');

/** @throws {Error} it is not of 0.1.0, or was not built */
export function oldCheckout(directory: string): Checkout {
  const old = checkoutAt(resolve(directory), OLD_COMMIT, '0.1.0');
  const manifest = join(old.directory, 'package.json');
  const version = existsSync(manifest) && (JSON.parse(readFileSync(manifest, 'utf8')) as { version?: string }).version;
  if (version !== old.version || !existsSync(old.program)) {
    throw new Error(`${old.directory} is no built checkout of ${OLD_COMMIT}: check it out and run npm run build there`);
  }
  return old;
}

/** @throws {Error} what osquery would start is the packaged executable, which ignores NODE_OPTIONS */
export function requireLauncher({ program }: Checkout): void {
  if (readFileSync(program).subarray(0, 2).toString() !== '#!') {
    throw new Error(`${program} is the packaged executable: run npm run build, which makes the launcher`);
  }
}

/** The Node of a checkout, with the options of its launcher. */
export function nodeOf({ directory }: Checkout): { readonly node: string; readonly options: readonly string[] } {
  const options = JSON.parse(readFileSync(join(directory, 'packaging', 'v8_options.json'), 'utf8')) as object;
  return {
    node: join(directory, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node'),
    options: [...Object.keys(options), '--disable-warning=ExperimentalWarning'],
  };
}

function checkoutAt(directory: string, name: string, version: Checkout['version']): Checkout {
  return { name, directory, version, program: join(directory, 'dist', 'process_ancestry.ext') };
}
