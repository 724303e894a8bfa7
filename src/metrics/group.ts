/** Group ids of this host by name. */
import { readFileSync } from 'node:fs';

/** Group id by name. Throws when /etc/group (man 5 group) has no such group. */
export function groupIdOf(name: string, file = '/etc/group'): number {
  if (/^\d+$/.test(name)) return Number(name);
  const fields = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([group]) => group === name);
  const id = Number(fields?.[2] || Number.NaN);
  if (!Number.isInteger(id)) throw new Error(`there is no group ${JSON.stringify(name)} in ${file}`);
  return id;
}
