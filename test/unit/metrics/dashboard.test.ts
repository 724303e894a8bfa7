/** packaging/grafana: Grafana can import it. A real Prometheus tests its queries in test/hosts. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[];
}

const file = fileURLToPath(new URL('../../../packaging/grafana/process-ancestry.json', import.meta.url));
const dashboard = JSON.parse(readFileSync(file, 'utf8')) as {
  uid: string;
  title: string;
  schemaVersion: number;
  panels: Panel[];
  templating: { list: { name: string; type: string; query: unknown }[] };
};
const { panels } = dashboard;
/** The variable of that name. */
const CHOSEN = /^\$\{datasource\}$/;

test('it asks for a data source and for hosts, and names neither itself', () => {
  expect(dashboard.templating.list.map(({ name, type }) => [name, type])).toEqual([
    ['datasource', 'datasource'],
    ['instance', 'query'],
  ]);
  for (const { title, datasource, targets } of panels.filter(({ type }) => type !== 'row')) {
    expect(datasource?.uid, title).toMatch(CHOSEN);
    expect(targets?.length, title).toBeGreaterThan(0);
    for (const target of targets ?? []) {
      expect(target.datasource.uid, title).toMatch(CHOSEN);
      const metrics = target.expr.match(/process_ancestry_\w+/g) ?? [];
      expect(target.expr.match(/instance=~"\$instance"/g), target.expr).toHaveLength(metrics.length);
    }
  }
});

test('its panels have different ids, and none lies on another', () => {
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const taken = new Set<string>();
  for (const { title, gridPos } of panels) {
    expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        expect(taken.has(`${x},${y}`), title).toBe(false);
        taken.add(`${x},${y}`);
      }
    }
  }
  const rows = panels.filter(({ type }) => type === 'row').map(({ title }) => title);
  expect(rows).toEqual([
    'Health',
    'Throughput',
    'Loss',
    'Cache',
    'Store and subscribers',
    "osquery's queries",
    'Process',
  ]);
});
