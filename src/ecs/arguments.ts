/** The arguments of an exec as ECS has them: a list, their count, and the command line. */
import { integerMember, jsonMember, textMember } from './json_text.ts';

export interface Arguments {
  /** Separated by NUL. */
  readonly args: string;
  readonly argsCount?: number | undefined;
}

interface ArgumentMembers {
  /** args and args_count. */
  readonly list: string;
  readonly commandLine: string;
}

/** The text is cut to `max` characters, and ends in … then; the count is of all. */
export function argumentMembers({ args, argsCount }: Arguments, max: number): ArgumentMembers {
  const text = (args.length > max ? `${args.slice(0, max)}…` : args).toWellFormed();
  const list = text === '' && !argsCount ? [] : text.split('\0');
  const count = argsCount ?? (list.length || undefined);
  return {
    list: jsonMember('args', JSON.stringify(list)) + integerMember('args_count', count),
    commandLine: textMember('command_line', text.replaceAll('\0', ' ')),
  };
}
