/** One HTTP request over a unix socket. */
import { get } from 'node:http';

export function overSocket(socketPath: string, path = '/metrics'): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ socketPath, path }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    }).on('error', reject);
  });
}
