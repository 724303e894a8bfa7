/** Where metrics are served: the flag process_ancestry_metrics_listen. */
import { isIPv4, isIPv6 } from 'node:net';
import { isAbsolute } from 'node:path';

export type ListenAddress =
  | { readonly kind: 'off' }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** Bytes of sun_path, without the 0 at its end (man 7 unix). */
const SOCKET_PATH_BYTES = 107;
const WHAT = 'unix:/PATH, an absolute path, or a loopback address and port such as 127.0.0.1:9777';

/** Throws for what is none; the message says why. */
export function parseListenAddress(text: string): ListenAddress {
  const refuse = (why: string): never => {
    throw new Error(`process_ancestry_metrics_listen=${JSON.stringify(text)}: ${why}`);
  };
  if (text === '') return { kind: 'off' };
  const path = text.startsWith('unix:') ? text.slice('unix:'.length) : text;
  if (isAbsolute(path)) {
    if (path.endsWith('/') || path.includes('\0')) refuse('not the path of a socket');
    if (Buffer.byteLength(path) > SOCKET_PATH_BYTES)
      refuse(`the path of a socket has ${SOCKET_PATH_BYTES} bytes at most`);
    return { kind: 'unix', path };
  }
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const named = bracketed ?? plain;
  const port = Number(digits);
  if (text.startsWith('unix:') || named === undefined) return refuse(`not ${WHAT}`);
  if (port < 1 || port > 65_535) refuse('a port is a number from 1 to 65535');
  // Not looked up: what the name stands for elsewhere is not to decide who can read.
  const host = plain === 'localhost' ? '127.0.0.1' : named;
  if (bracketed === undefined ? !isIPv4(host) : !isIPv6(host)) refuse(`not ${WHAT}`);
  if (!isLoopback(host)) {
    refuse(`${named} is not a loopback address: metrics have no password, and are not served to other hosts`);
  }
  return { kind: 'tcp', host, port };
}

/** What a client on this host may call it in its Host header. */
export function isLoopbackName(header: string): boolean {
  const host = header
    .toLowerCase()
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1');
  return host === 'localhost' || ((isIPv4(host) || isIPv6(host)) && isLoopback(host));
}

function isLoopback(host: string): boolean {
  return host.startsWith('127.') || host === '::1' || /^(0{1,4}:){7}0{0,3}1$/.test(host);
}
