/** Builds the container and orchestrator objects of a document. */
import type { ContainerFacts, PodFacts } from '../containers/facts.ts';
import { jsonMember, objectMember, quoted, textMember } from './json_text.ts';

/** Name, tag and digest of an image: [REGISTRY[:PORT]/]PATH[:TAG][@DIGEST]. */
const IMAGE = /^(.*?)(?::(\w[\w.-]*))?(?:@.*)?$/s;

/** Members of the document, each with a leading comma; '' for a claimed container, because ECS cannot say that it is claimed. */
export function containerMembers({ id, runtime, name, image, image_id, pod, claimed }: ContainerFacts): string {
  if (claimed) return '';
  // A container made from an image id has this id instead of a name.
  const [, imageName, tag] = image?.startsWith('sha256:') ? [] : (IMAGE.exec(image ?? '') ?? []);
  const imageMembers =
    textMember('name', imageName) + listMember('tag', tag) + objectMember('hash', listMember('all', image_id));
  return (
    objectMember(
      'container',
      textMember('id', id) +
        textMember('name', name) +
        textMember('runtime', runtime) +
        objectMember('image', imageMembers),
    ) + (pod ? orchestratorMember(pod) : '')
  );
}

function orchestratorMember({ name, namespace, uid }: PodFacts): string {
  const pod = textMember('type', 'pod') + textMember('name', name) + textMember('id', uid);
  return objectMember(
    'orchestrator',
    textMember('type', 'kubernetes') + textMember('namespace', namespace) + objectMember('resource', pod),
  );
}

/** A list with one text. */
function listMember(name: string, text: string | undefined): string {
  return text === undefined ? '' : jsonMember(name, `[${quoted(text)}]`);
}
