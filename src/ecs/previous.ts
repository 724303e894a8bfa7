/** Formats the earlier images of a process, beginning with the one at its fork: process.previous of RFC 0030. */
import { PREVIOUS_ARGS_MAX, type PreviousImageFacts } from '../process/facts.ts';
import { argumentMembers } from './arguments.ts';
import { objectOf, textMember } from './json_text.ts';

/** A JSON array in the given order; '' when no image is known. */
export function previousFragment(images: readonly PreviousImageFacts[]): string {
  const argsMax = Math.floor(PREVIOUS_ARGS_MAX / images.length);
  const objects: string[] = [];
  for (const image of images) {
    const members = textMember('executable', image.path) + argumentMembers(image, argsMax).list;
    if (members !== '') objects.push(objectOf(members));
  }
  return objects.length === 0 ? '' : `[${objects.join(',')}]`;
}
