/** Formats a terminal for ECS. */
import type { CharDevice } from '../linux/terminal.ts';
import { integerMember, objectMember } from './json_text.ts';

export function ttyMember(device: CharDevice | undefined): string {
  if (!device) return '';
  const members = integerMember('major', device.major) + integerMember('minor', device.minor);
  return objectMember('tty', objectMember('char_device', members));
}
