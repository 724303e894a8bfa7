/** Finds osquery's extension socket, for commands that osquery did not start. */
import { existsSync } from 'node:fs';
import { connect } from 'node:net';

/** Default sockets of osqueryd, and of the osqueryd of Fleet's Orbit. */
const PLACES = ['/var/osquery/osquery.em', '/opt/orbit/orbit-osquery.em'] as const;
const PATIENCE_MS = 1000;

/** The first socket with a listener, else the first that exists: a killed osqueryd leaves its socket. */
export async function osquerySocket(places: readonly string[] = PLACES): Promise<string> {
  const found = places.filter((path) => existsSync(path));
  for (const path of found) if (await isListenedOn(path)) return path;
  return found[0] ?? places[0] ?? PLACES[0];
}

function isListenedOn(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const answer = (isThere: boolean) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.setTimeout(PATIENCE_MS, () => answer(false));
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}
