/**
 * A static table: its rows are known before any query.
 *
 *     osqueryi --nodisable_extensions --extensions_socket /tmp/osquery.em
 *     node src/osquery/examples/static_table.ts --socket /tmp/osquery.em
 *     osquery> SELECT name, moons FROM planets WHERE moons > 1;
 */
import { double, Extension, integer, launchOptions, type TablePlugin, text } from '../index.ts';

interface Planet {
  readonly position: number;
  readonly name: string;
  readonly moons: number;
  readonly radii: number;
}

const PLANETS: readonly Planet[] = [
  { position: 1, name: 'Mercury', moons: 0, radii: 0.38 },
  { position: 2, name: 'Venus', moons: 0, radii: 0.95 },
  { position: 3, name: 'Earth', moons: 1, radii: 1 },
  { position: 4, name: 'Mars', moons: 2, radii: 0.53 },
];

const planets: TablePlugin<Planet> = {
  name: 'planets',
  description: 'The inner planets',
  columns: [
    text('name', 'Name of the planet', (planet) => planet.name),
    integer('moons', 'Number of known moons', (planet) => planet.moons),
    double('radius', 'Mean radius, in radii of the Earth', (planet) => planet.radii),
  ],
  rowid: (planet) => planet.position,
  // SQLite applies the WHERE clause, so a small table may return all its rows.
  generate: () => PLANETS,
};

await new Extension({ name: 'planets', version: '1.0.0', ...launchOptions(), plugins: [planets] }).run();
