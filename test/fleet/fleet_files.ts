/** Reads packaging/fleet as fleetctl does (fleetdm/fleet, pkg/spec): environment, YAML, and referenced files. */
import { execFileSync, spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const FOLDER = fileURLToPath(new URL('../../packaging/fleet/', import.meta.url));

export type Mapping = Readonly<Record<string, unknown>>;

/** Debian's python3-yaml reads YAML 1.1, as Fleet's parser does; another python may be first on PATH. */
const PYTHON = ['python3', '/usr/bin/python3'].find((one) => spawnSync(one, ['-c', 'import yaml']).status === 0);

export function hasYaml(): boolean {
  return PYTHON !== undefined;
}

export function parseYaml(texts: readonly string[]): unknown[] {
  const program = 'import json, sys, yaml\nprint(json.dumps([yaml.safe_load(text) for text in json.load(sys.stdin)]))';
  const output = execFileSync(PYTHON ?? 'python3', ['-c', program], { input: JSON.stringify(texts), encoding: 'utf8' });
  return JSON.parse(output) as unknown[];
}

const known = new Map<string, unknown>();

/** The first call reads all files of the folder: python takes longer to start than to read. */
function parsed(text: string): unknown {
  if (!known.has(text)) {
    const files = globSync('*/*.yml', { cwd: FOLDER }).map((file) => readFileSync(resolve(FOLDER, file), 'utf8'));
    const texts = [text, ...(known.size === 0 ? files : [])];
    parseYaml(texts).forEach((value, i) => void known.set(texts[i] ?? '', value));
  }
  return known.get(text);
}

/** $NAME and ${NAME} are variables of the environment, which must exist; \$ is a dollar, \\\$ a backslash and a dollar. */
export function expand(text: string, environment: Readonly<Record<string, string>>): string {
  return text.replace(/(\\+)\$|\$\{?([A-Za-z_]\w*)\}?/g, (all, slashes: string | undefined, name: string) => {
    if (slashes !== undefined) return slashes.length % 2 ? `${'\\'.repeat((slashes.length - 1) / 2)}$` : all;
    const value = environment[name];
    if (value === undefined) throw new Error(`environment variable ${name} is not set: ${all}`);
    return value;
  });
}

export class FleetFiles {
  readonly #environment: Readonly<Record<string, string>>;

  constructor(environment: Readonly<Record<string, string>> = {}) {
    this.#environment = environment;
  }

  /** A file below packaging/fleet, parsed. */
  read(path: string): unknown {
    return parsed(expand(readFileSync(resolve(FOLDER, path), 'utf8'), this.#environment));
  }

  /** The items of a list. An entry may name a file (`path`), or several by a pattern (`paths`), relative to the file itself. */
  items(list: unknown, from: string): Mapping[] {
    return asList(list, from).flatMap((entry) => {
      const { path, paths, ...more } = asMapping(entry, from);
      if (path === undefined && paths === undefined) return [more];
      const base = dirname(resolve(FOLDER, from));
      const files = paths === undefined ? [String(path)] : globSync(String(paths), { cwd: base }).sort();
      if (files.length === 0) throw new Error(`${from}: nothing is called ${paths}`);
      return files.flatMap((file) => {
        const named = relative(FOLDER, resolve(base, file));
        const content = this.read(named);
        const found = Array.isArray(content) ? content : [content];
        return found.map((item) => ({ ...asMapping(item, named), ...more }));
      });
    });
  }
}

export function asMapping(value: unknown, what: string): Mapping {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${what}: not a mapping`);
  return value as Mapping;
}

export function asList(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`${what}: not a list`);
  return value;
}

export function asText(value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '') throw new Error(`${what}: not a text`);
  return value;
}
