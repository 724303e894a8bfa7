/**
 * A chain of processes, each created by the one before: the notation of scenarios. A link has the executed program, after
 * its properties as name or name=value.
 */

/** `php-fpm` or `uid=33 php-fpm -F`; as an array where an argument has spaces. */
export type Chain = readonly (string | readonly string[])[];

export interface Link {
  readonly options: ReadonlyMap<string, string>;
  /** A name, or a path, and its arguments. */
  readonly argv: readonly string[];
}

const OPTION =
  /^(uid|euid|cd|argv0|tty|address|orphan|newpid|memfd|unlinked|setuid|held|each|later|setsid|no-exec|in-place)(?:=(.*))?$/;

export function linksOf(chain: Chain): Link[] {
  return chain.map((link) => {
    const words = typeof link === 'string' ? link.split(' ') : [...link];
    const options = new Map<string, string>();
    for (;;) {
      const [, name, value = ''] = OPTION.exec(words[0] ?? '') ?? [];
      if (!name) return { options, argv: words };
      options.set(name, value);
      words.shift();
    }
  });
}

const SSH: Chain = ['/usr/sbin/sshd -D', ['no-exec', 'sshd']];
/** A login by ssh from an address, at a shell. */
export const session = (uid: number): Chain => [...SSH, `setsid uid=${uid} tty=pts0 address=203.0.113.24 bash`];
export const CRON: Chain = ['/usr/sbin/cron -f'];
