/** Formats the arguments of an exec for ECS: a list, the count, and the command line. */
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

/** Text longer than `max` characters is truncated and ends in …. The count includes all arguments. */
export function argumentMembers({ args, argsCount }: Arguments, max: number): ArgumentMembers {
  const text = (args.length > max ? `${args.slice(0, max)}…` : args).toWellFormed();
  const list = text === '' && !argsCount ? [] : text.split('\0');
  const count = argsCount ?? (list.length || undefined);
  return {
    list: jsonMember('args', JSON.stringify(list)) + integerMember('args_count', count),
    commandLine: textMember('command_line', text.replaceAll('\0', ' ')),
  };
}
