/** Debian's copyright file: the program's own licence, then the licences of the executable's parts, with their texts. */

/**
 * @param template deb/copyright, up to the paragraph that this adds
 * @param license the licence of the executable with all that it contains, as an SPDX expression
 * @param texts the licences' texts
 */
export function copyright(template: string, license: string, texts: string): string {
  // A line of a paragraph begins with a space, and an empty one is a dot (Debian policy 5.6.13).
  const lines = texts
    .trimEnd()
    .split('\n')
    .map((line) => ` ${line.trim() === '' ? '.' : line.trimEnd()}`);
  return `${template.trimEnd()}

Files: usr/lib/osquery-process-ancestry/process_ancestry.ext
Copyright: the holders that the texts below name
License: ${license.replaceAll('LicenseRef-Public-Domain', 'public-domain').replaceAll(' AND ', ' and ').replaceAll(' OR ', ' or ')}
${lines.join('\n')}
`;
}
