/** Serves 10,000 rows of 59 columns and 3.5 kB until it is killed: answering_process.ts SOCKET. */
import { text } from '../../../src/osquery/column.ts';
import { ExtensionServer } from '../../../src/osquery/extension_server.ts';
import { silentLog } from '../../../src/osquery/log.ts';
import type { TablePlugin } from '../../../src/osquery/table_plugin.ts';

const ancestry = '{"exe_name":"bash","pid":31561,"path":"/usr/bin/bash","cmdline":"sh -c /sbin/ldconfig"}'.repeat(25);
const table: TablePlugin<number> = {
  name: 'executions',
  description: 'as wide as those of processes',
  columns: Array.from({ length: 59 }, (_, i) =>
    text(`column_${i}`, '', (n: number) => (i === 0 ? `${ancestry}${n}` : i % 2 ? '/usr/bin/true' : 1755733161 + n)),
  ),
  rowid: (n) => n,
  *generate() {
    for (let n = 0; n < 10_000; n++) yield n;
  },
};
await new ExtensionServer({ path: process.argv[2] ?? '', uuid: '1', tables: [table], log: silentLog }).listen();
