/** The environment variables that are recorded: the flag process_ancestry_env. */

const NAMES_MAX = 64;

/** Names of variables, separated by commas or spaces; '' for none. Throws for text that is no name. */
export function parseEnvironmentNames(text: string): ReadonlySet<string> {
  const names = text.split(/[\s,]+/).filter((name) => name !== '');
  const wrong = names.find((name) => !/^[A-Za-z_][A-Za-z0-9_]{0,254}$/.test(name));
  if (wrong !== undefined) {
    throw new Error(`process_ancestry_env=${JSON.stringify(text)}: ${JSON.stringify(wrong)} is no name of a variable`);
  }
  if (names.length > NAMES_MAX) {
    throw new Error(`process_ancestry_env has ${names.length} names: at most ${NAMES_MAX} are allowed`);
  }
  return new Set(names);
}

/** The variables (NAME=value, separated by NUL) with these names. */
export function namedVariables(environment: string, names: ReadonlySet<string>): string {
  const isNamed = (variable: string) => names.has(variable.split('=', 1)[0] ?? '');
  return environment.split('\0').filter(isNamed).join('\0');
}
