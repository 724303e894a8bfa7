/** The flag process_ancestry_metrics_listen: the address that serves metrics. */
import { isIPv4, isIPv6 } from 'node:net';
import { isAbsolute } from 'node:path';

export type ListenAddress =
  | { readonly kind: 'off' }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** Size of sun_path in bytes, without the terminating NUL (man 7 unix). */
const SOCKET_PATH_BYTES = 107;
const WHAT = 'unix:/PATH, an absolute path, or a loopback address and port such as 127.0.0.1:9777';

/** Throws for a bad address; the message says why. */
export function parseListenAddress(text: string): ListenAddress {
  const refuse = (why: string): never => {
    throw new Error(`process_ancestry_metrics_listen=${JSON.stringify(text)}: ${why}`);
  };
  if (text === '') return { kind: 'off' };
  const path = text.startsWith('unix:') ? text.slice('unix:'.length) : text;
  if (isAbsolute(path)) {
    if (path.endsWith('/') || path.includes('\0')) refuse('not the path of a socket');
    if (Buffer.byteLength(path) > SOCKET_PATH_BYTES)
      refuse(`the path of a socket has at most ${SOCKET_PATH_BYTES} bytes`);
    return { kind: 'unix', path };
  }
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const named = bracketed ?? plain;
  const port = Number(digits);
  if (text.startsWith('unix:') || named === undefined) return refuse(`not ${WHAT}`);
  if (port < 1 || port > 65_535) refuse('a port is a number from 1 to 65535');
  // The name is not resolved: DNS must not decide which hosts can read metrics.
  const host = plain === 'localhost' ? '127.0.0.1' : named;
  if (bracketed === undefined ? !isIPv4(host) : !isIPv6(host)) refuse(`not ${WHAT}`);
  if (!isLoopback(host)) {
    refuse(`${named} is not a loopback address: metrics are not served to other hosts, because they have no password`);
  }
  return { kind: 'tcp', host, port };
}

/** Whether a client on this host may send this Host header. */
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
