/** The host of an event, as a document has it. */
import type { HostFacts } from '../linux/host.ts';
import { jsonMember, objectMember, objectOf, textMember } from './json_text.ts';

/** A JSON object. A document adds host.pid_ns_ino, which is the event's. */
export function hostFragment(host: HostFacts): string {
  const { os } = host;
  return objectOf(
    textMember('id', host.id) +
      textMember('hostname', host.hostname) +
      // ECS: hostname as the command says it, and the name in lower case.
      textMember('name', host.hostname.toLowerCase()) +
      textMember('architecture', host.architecture) +
      jsonMember('ip', JSON.stringify(host.ip)) +
      jsonMember('mac', JSON.stringify(host.mac)) +
      objectMember('boot', textMember('id', host.bootId)) +
      `,"os":{"type":"linux"${
        textMember('family', os.family) +
        textMember('platform', os.platform) +
        textMember('name', os.name) +
        textMember('version', os.version) +
        textMember('full', os.full) +
        textMember('kernel', host.kernel)
      }}`,
  );
}
