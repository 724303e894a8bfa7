/** What a process ran before its present image, from the one that it was forked with on: process.previous of RFC 0030. */
import { type Arguments, argumentMembers } from './arguments.ts';
import { objectOf, textMember } from './json_text.ts';
import { FRAGMENT_ARGS_MAX } from './process_fragment.ts';

export interface PreviousImage extends Arguments {
  readonly path: string;
}

/** A JSON array in the order given; '' when there is none, or nothing is known of any. */
export function previousFragment(images: readonly PreviousImage[], argsMax = FRAGMENT_ARGS_MAX): string {
  const objects: string[] = [];
  for (const image of images) {
    const members = textMember('executable', image.path) + argumentMembers(image, argsMax).list;
    if (members !== '') objects.push(objectOf(members));
  }
  return objects.length === 0 ? '' : `[${objects.join(',')}]`;
}
