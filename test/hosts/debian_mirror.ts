/** The source of this machine's Debian packages. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export function ownRelease(): string {
  return /^VERSION_CODENAME=(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '';
}

/** The address of the mirror, which also has other releases. */
export function ownMirror(): string {
  const release = ownRelease();
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)';
  const targets = execFileSync('apt-get', ['indextargets', '--format', format], { encoding: 'utf8' });
  const found = targets.split('\n').map((line) => line.split(' '));
  const [uri] = found.find(([, name, component]) => name === release && component === 'main') ?? [];
  if (uri === undefined) throw new Error(`apt has no source of ${release} main`);
  return uri;
}
