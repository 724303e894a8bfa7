/** Finds the running extension by asking osquery for its socket. */

import { ManagerClient } from '../../osquery/index.ts';
import { messageOf } from '../../text/error_message.ts';

const NAME = 'process_ancestry';
const TIMEOUT_MS = 3_000;

/** Path of the extension's own socket. Throws an error that says what is missing. */
export async function extensionSocket(managerSocket: string): Promise<string> {
  const manager = new ManagerClient(managerSocket, TIMEOUT_MS);
  try {
    const found = [...(await manager.extensions())].find(([, { name }]) => name === NAME);
    if (!found) throw new Error(`osquery at ${managerSocket} has not loaded the extension`);
    return `${managerSocket}.${found[0]}`;
  } catch (error) {
    throw new Error(messageOf(error), { cause: error });
  } finally {
    manager.close();
  }
}
