/** The query process as a program: query_process_main.ts PIDFILE. */
import { appendFileSync } from 'node:fs';
import { serveQueries } from '../../../../src/commands/shell/query_server.ts';

appendFileSync(process.argv[2] ?? '', `${process.pid}\n`);
process.exit(await serveQueries());
