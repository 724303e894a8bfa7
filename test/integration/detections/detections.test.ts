/** Each detection of the query pack finds its cases and nothing else, with the exact statement that osquery runs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { columnNames } from '../../../packaging/osquery/detection_sql.ts';
import { readDetections } from '../../../packaging/osquery/detections.ts';
import { readPack } from '../../../packaging/osquery/pack.ts';
import { canRecord, ExtensionUnderTest, until } from '../extension_under_test.ts';
import { LogOfChains } from './log_of_chains.ts';
import { RealProcesses } from './real_processes.ts';
import { REAL, type Scenario, LOGGED as SERVICES } from './scenarios.ts';
import { SESSIONS } from './session_scenarios.ts';

const LOGGED = [...SERVICES, ...SESSIONS];

const queries = readPack('detections').queries;
const names = Object.keys(queries);

/**
 * The conditions of these may be true of the tests themselves: they may run in an ssh session, by sudo or by a package's
 * hook.
 */
const ASKS_WHO_IS_ABOVE = new Set(
  readDetections()
    .filter(({ condition }) =>
      /entry_type|\{(?:in session|by hand|application as)|\{under (?:proven )?(privilege_changers|package_managers|schedulers)\}/.test(
        condition,
      ),
    )
    .map(({ name }) => name),
);

/**
 * Runs each query once; returns the names of the detections that found each scenario, one per row. Scenarios are
 * distinguished by their processes.
 */
async function findings(
  extension: ExtensionUnderTest,
  scenarioOf: (pid: number) => string | undefined,
): Promise<Map<string, string[]>> {
  const found: Finding[] = [];
  for (const [name, { query }] of Object.entries(queries)) {
    const { columns, rows } = await extension.manager.query(query);
    expect(columns.map((column) => column.name)).toEqual(columnNames);
    found.push(...rows.map((row) => ({ name, row })));
  }
  return byScenario(found, scenarioOf);
}

/** The same by the one query of all detections. */
async function combinedFindings(
  extension: ExtensionUnderTest,
  scenarioOf: (pid: number) => string | undefined,
): Promise<Map<string, string[]>> {
  const { columns, rows } = await extension.manager.query(
    readPack('detections-combined').queries.detections?.query ?? '',
  );
  expect(columns.map((column) => column.name)).toEqual(['detection', 'techniques', ...columnNames]);
  const techniques = new Map(readDetections().map(({ name, techniques: ids }) => [name, ids.join(', ')]));
  for (const [name, ids] of rows) expect(ids).toBe(techniques.get(name ?? ''));
  return byScenario(
    rows.map(([name = null, , ...row]) => ({ name: name ?? '', row })),
    scenarioOf,
  );
}

interface Finding {
  readonly name: string;
  /** Values of columnNames. */
  readonly row: readonly (string | null)[];
}

function byScenario(
  findings: readonly Finding[],
  scenarioOf: (pid: number) => string | undefined,
): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { name, row } of findings) {
    const [pid, ancestors] = ['pid', 'ancestors'].map((column) => row[columnNames.indexOf(column)] ?? '');
    const pids = [pid, ...(ancestors ?? '').split(' < ').map((one) => one.split(' ').at(-1))];
    const scenario = pids.map((one) => scenarioOf(Number(one))).find((one) => one !== undefined);
    if (scenario) found.set(scenario, [...(found.get(scenario) ?? []), name]);
  }
  return found;
}

/** Processes that are held are called resident. */
async function heldIsSeen(extension: ExtensionUnderTest): Promise<void> {
  const path = [{ op: 66, expr: '*/resident' }];
  await until('seen', async () => (await extension.generate('process_ancestry_events', { path }, ['path'])).length > 0);
}

const sorted = (some: Iterable<string> = []) => [...new Set(some)].sort();

test('every detection has something that it finds, and an innocent neighbour that it spares', () => {
  const all = [...REAL, ...LOGGED];
  const wrong = all.filter(({ found, spared = [] }) => spared.some((name) => found.includes(name)));
  expect(wrong).toEqual([]);
  expect(sorted(new Set(all.flatMap(({ found }) => found)))).toEqual(sorted(names));
  expect(sorted(new Set(all.flatMap(({ spared = [] }) => spared)))).toEqual(sorted(names));
  expect(names.length).toBeGreaterThanOrEqual(79);
  expect(new Set(all.map(({ says }) => says)).size).toBe(all.length);
});

describe.skipIf(!canRecord())('of real processes', () => {
  let found: Map<string, string[]>;
  beforeAll(async () => {
    const processes = new RealProcesses();
    const extension = await ExtensionUnderTest.start(['--cache-size', '5000']);
    try {
      const scenarioOf = new Map<number, string>();
      for (const { says, chain } of REAL) {
        scenarioOf.set(await processes.run(chain, () => heldIsSeen(extension)), says);
      }
      await extension.settled();
      found = await findings(extension, (pid) => scenarioOf.get(pid));
    } finally {
      await extension.stop();
      processes.remove();
    }
  });

  test.each(REAL.map((scenario) => [scenario.says, scenario] as const))('%s', (says, scenario: Scenario) => {
    const counted = (found.get(says) ?? []).filter(
      (name) => !ASKS_WHO_IS_ABOVE.has(name) || scenario.found.includes(name),
    );
    expect(sorted(counted)).toEqual(sorted(scenario.found));
  });
});

describe('of a log', () => {
  const log = new LogOfChains();
  const scenarioOf = new Map<number, string>();
  let directory: string;
  let found: Map<string, string[]>;
  beforeAll(async () => {
    for (const { says, chain } of LOGGED) for (const pid of log.add(chain)) scenarioOf.set(pid, says);
    directory = mkdtempSync(join(tmpdir(), 'pa-log-'));
    writeFileSync(join(directory, 'audit.log'), log.text);
    found = await replayed();
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  async function replayed(...flags: string[]): Promise<Map<string, string[]>> {
    const replay = ['--collector', 'replay', '--replay-file', join(directory, 'audit.log'), '--cache-size', '5000'];
    const extension = await ExtensionUnderTest.start([...replay, ...flags], { recording: false });
    try {
      const one = await findings(extension, (pid) => scenarioOf.get(pid));
      const all = await combinedFindings(extension, (pid) => scenarioOf.get(pid));
      expect(all).toEqual(one);
      return one;
    } finally {
      await extension.stop();
    }
  }

  test.each(LOGGED.map((scenario) => [scenario.says, scenario] as const))('%s', (says, scenario: Scenario) => {
    expect(sorted(found.get(says))).toEqual(sorted(scenario.found));
  });

  test('where forks and new sessions have rows too, the same executions are found', async () => {
    expect(await replayed('--events-actions', 'exec,fork,setsid,exit')).toEqual(found);
  });
});
