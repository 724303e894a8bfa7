/** Builds the host object of a document. */
import type { HostFacts } from '../linux/host.ts';
import { jsonMember, objectMember, objectOf, textMember } from './json_text.ts';

/** A JSON object. ecsDocument adds host.pid_ns_ino of the event. */
export function hostFragment(host: HostFacts): string {
  const { os } = host;
  return objectOf(
    textMember('id', host.id) +
      textMember('hostname', host.hostname) +
      // ECS: host.hostname is the output of `hostname`; host.name is lower case.
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
