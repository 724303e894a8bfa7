/** The distribution of a host: /etc/os-release (man 5 os-release). */

/** The variables of an os-release file. Other lines are skipped. */
export function parseOsRelease(text: string): Map<string, string> {
  const variables = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^\s*([A-Z][A-Z0-9_]*)=(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) variables.set(name, unquoted(value));
  }
  return variables;
}

function unquoted(value: string): string {
  const [, single] = /^'(.*)'$/.exec(value) ?? [];
  if (single !== undefined) return single;
  const [, double] = /^"(.*)"$/.exec(value) ?? [];
  return (double ?? value).replace(/\\(["$`\\])/g, '$1');
}

/** Distributions that others name in ID_LIKE, with their families. */
const FAMILIES = new Map([
  ['alpine', 'alpine'],
  ['amzn', 'redhat'],
  ['arch', 'arch'],
  ['centos', 'redhat'],
  ['debian', 'debian'],
  ['fedora', 'redhat'],
  ['gentoo', 'gentoo'],
  ['opensuse', 'suse'],
  ['rhel', 'redhat'],
  ['sles', 'suse'],
  ['suse', 'suse'],
  ['ubuntu', 'debian'],
]);

/** The family as in ECS: redhat, debian, suse, …; undefined if unknown. */
export function osFamily(variables: ReadonlyMap<string, string>): string | undefined {
  const id = variables.get('ID');
  const like = variables.get('ID_LIKE')?.split(/\s+/) ?? [];
  for (const one of [id ?? '', ...like]) {
    const family = FAMILIES.get(one);
    if (family !== undefined) return family;
  }
  return id;
}
