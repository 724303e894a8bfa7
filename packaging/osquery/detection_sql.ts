/**
 * The words that detections are written in: lists of programs, and what is said about a process and its ancestors. Each
 * stands in braces in detections/NAME.sql, and becomes plain SQL (SQLite 3.38, which ->> needs).
 */

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

const shells = words('sh dash bash rbash ash zsh ksh mksh csh tcsh fish');
const interpreters = words('python pypy perl ruby php lua luajit node nodejs tclsh');
const webServers =
  words(`nginx apache httpd lighttpd caddy openresty tengine angie haproxy traefik varnishd php-fpm php-cgi
  uwsgi uwsgi-core unitd PassengerAgent jsvc tomcat`);
const databases = words(`postgres mysqld mariadbd mongod mongos redis-server valkey-server keydb-server clickhouse
  clickhouse-server memcached influxd etcd cockroach sqlservr oracle couchdb arangod`);
const otherServers =
  words(`named unbound dnsmasq slapd smbd vsftpd proftpd pure-ftpd exim dovecot squid snmpd cupsd rsyncd
  openvpn asterisk freeswitch mosquitto beam.smp prometheus grafana grafana-server kibana logstash minio gitea vault consul
  nomad`);

/** Names without their trailing version: php-fpm8.2 is php-fpm, python3.11 is python, apache2 is apache. */
const lists: Readonly<Record<string, readonly string[]>> = {
  shells,
  interpreters,
  'shells and interpreters': [...shells, ...interpreters],
  'web servers': webServers,
  databases,
  services: [...webServers, ...databases, ...otherServers],
  schedulers: words('cron crond anacron atd fcron dcron'),
  'network tools':
    words(`curl wget fetch aria2c lynx nc nc.openbsd nc.traditional ncat netcat socat telnet ftp lftp tftp scp
    sftp ssh rclone`),
  'privilege changers': words('sudo su pkexec doas runuser'),
  'container runtimes': words(`runc crun youki conmon conmonrs containerd containerd-shim containerd-shim-runc-v dockerd
    docker-init docker podman crio catatonit tini kubelet lxc-start systemd-nspawn`),
  'package managers':
    words(`dpkg apt apt-get aptitude rpm dnf yum zypper rpm-ostree pacman apk snapd npm pnpm yarn pip gem
    cargo composer unattended-upgr`),
  'editors and pagers': words('vi vim vim.basic vim.tiny nvim view ed nano emacs less more most man pg'),
  'programs that run commands':
    words(`find awk gawk mawk tar zip rsync env xargs nmap gdb ftp git tcpdump timeout nice ionice
    stdbuf setarch flock watch strace script rpm dpkg make`),
  reconnaissance:
    words(`id whoami groups uname hostname hostnamectl lsb_release uptime w who last lastlog ps pstree top ss
    netstat ifconfig ip arp route iptables df mount lsblk lscpu free env printenv getent crontab systemctl ls find`),
  /** They start a shell for somebody by what they are. */
  'shell givers':
    words(`sshd sshd-session sshd-auth login agetty mgetty getty su sudo doas pkexec runuser newgrp sg tmux screen
    zellij dtach abduco script expect systemd init systemd-run machinectl xterm gnome-terminal gnome-terminal- konsole kitty
    alacritty foot st urxvt rxvt xfce terminator lxterminal code code-server cockpit-bridge mosh-server ttyd dropbear telnetd
    in.telnetd rlogind vi vim vim.basic vim.tiny nvim view emacs less more man mc git make gdb strace ltrace env nice timeout
    setsid nohup unshare nsenter chroot setpriv newuidmap bwrap flatpak lxc-attach lxc-execute ssm-session-worker
    ssm-document-worker amazon-ssm-agen google_guest_a waagent qemu-ga plymouthd sulogin dracut-emergency live-config run-parts
    start-stop-daem parallel xargs find busybox watchexec entr direnv poetry pipenv nix-shell nix guix toolbox distrobox`),
};

const quoted = (names: readonly string[]) => `(${names.map((name) => `'${name}'`).join(', ')})`;

function list(name: string): string {
  const found = lists[name.replaceAll('_', ' ')];
  if (!found) throw new Error(`no list of programs is called ${name}`);
  return quoted(found);
}

const unversioned = (name: string) => `rtrim(${name}, '0123456789.-')`;
const baseName = (path: string) => `replace(${path}, rtrim(${path}, replace(${path}, '/', '')), '')`;
const nameOf = (alias: string) => unversioned(`${alias ? `${alias}.` : ''}value->>'exe_name'`);

/** Servers that are scripts: what the interpreter runs is in its command line. */
const SCRIPTED: Readonly<Record<string, { interpreters: readonly string[]; scripts: readonly string[] }>> = {
  'web servers': {
    interpreters: words('python ruby java node nodejs perl php'),
    scripts:
      words(`*/gunicorn* *gunicorn:* */uvicorn* */hypercorn* */unicorn* */puma* *puma?[0-9]* *org.apache.catalina.*
      *org.eclipse.jetty* *jboss-modules* *weblogic.Server* */pm2/* *Passenger*App*`),
  },
  databases: {
    interpreters: words('java'),
    scripts: words(
      '*CassandraDaemon* *org.elasticsearch* *org.opensearch* *org.apache.solr* *start.jar*solr* *org.neo4j*',
    ),
  },
  'package managers': {
    interpreters: words('node nodejs python perl ruby'),
    scripts:
      words(`*/npm* npm?* */pnpm* */yarn* *yarn?install* */pip* *-m?pip* */dnf* */yum* *unattended-upgrade* */gem?*
      */bundle?*`),
  },
};
const scripted = (name: string) =>
  name === 'services' ? [SCRIPTED['web servers'], SCRIPTED.databases] : [SCRIPTED[name]];

/** An ancestor that is one of these programs. */
function isOneOf(names: string): string {
  if (names.startsWith('(')) return `${nameOf('')} IN ${names}`;
  const known = names.replaceAll('_', ' ');
  const more = scripted(known).flatMap((one) => {
    if (!one) return [];
    const patterns = one.scripts.map((pattern) => `value->>'cmdline' GLOB '${pattern}'`).join(' OR ');
    return [`(${nameOf('')} IN ${quoted(one.interpreters)} AND (${patterns}))`];
  });
  return [`${nameOf('')} IN ${list(known)}`, ...more].join(' OR ');
}

const inTemporaryPlace = (path: string) =>
  `(${['/tmp/*', '/var/tmp/*', '/dev/shm/*'].map((place) => `${path} GLOB '${place}'`).join(' OR ')})`;

const phrases: Readonly<Record<string, string>> = {
  // busybox is whatever it is called as.
  program: unversioned(`iif(path GLOB '*/busybox', ${baseName('args->>0')}, ${baseName('path')})`),
  creator: unversioned(`ancestry->>'$[0].exe_name'`),
  'in temporary place': inTemporaryPlace('path'),
  'script in temporary place': `(${inTemporaryPlace('args->>1')} OR (args->>1 NOT GLOB '/*' AND args->>1 NOT GLOB '-*' AND ${inTemporaryPlace(`cwd || '/'`)}))`,
  'in web root': `(path GLOB '/var/www/*' OR path GLOB '/srv/www/*' OR path GLOB '/usr/share/nginx/html/*' OR path GLOB '*/wp-content/*')`,
  'no shell syntax': `cmdline NOT GLOB '*[;|&$\`()<>]*' AND instr(cmdline, char(10)) = 0`,
};

function phrase(text: string): string {
  const [, verb = '', object = ''] = /^(under|name of|entity of nearest) (.*)$/s.exec(text) ?? [];
  if (verb === 'under') return `EXISTS (SELECT 1 FROM json_each(ancestry) WHERE ${isOneOf(object)})`;
  if (verb === 'name of') return nameOf(object);
  if (verb === 'entity of nearest') {
    return `(SELECT value->>'entity_id' FROM json_each(ancestry) WHERE ${isOneOf(object)} ORDER BY key LIMIT 1)`;
  }
  return phrases[text] ?? list(text);
}

/** The condition of a detection, in SQL. */
export function expand(condition: string): string {
  return condition.replace(/\{([^{}]+)\}/g, (_, text: string) => phrase(text));
}

/** What every detection tells; `ancestors` is nearest first. */
const COLUMNS: Readonly<Record<string, string>> = {
  time: 'time',
  pid: 'pid',
  entity_id: 'entity_id',
  uid: 'uid',
  euid: 'euid',
  auid: 'auid',
  path: 'path',
  cmdline: 'cmdline',
  cwd: 'cwd',
  tty: 'tty',
  entry_type: 'entry_type',
  entry_source_ip: 'entry_source_ip',
  container_id: 'container_id',
  ancestors: `(SELECT group_concat(value->>'exe_name' || ' ' || (value->>'pid'), ' < ') FROM json_each(ancestry))`,
};
/** Of a group, the row is its last one (sqlite.org/lang_select.html, bare columns in an aggregate query). */
const OF_A_GROUP: Readonly<Record<string, string>> = { time: 'max(time)', cmdline: `group_concat(cmdline, ' ; ')` };

export const columnNames = Object.keys(COLUMNS);

/** The whole statement. Its subscriber is compared at the outermost level, where every osquery pushes it down. */
export function statementOf(subscriber: string, condition: string): string {
  const grouped = /^GROUP BY/m.test(condition);
  const selected = Object.entries(COLUMNS).map(([name, plain]) => {
    const sql = (grouped && OF_A_GROUP[name]) || plain;
    return sql === name ? name : `${sql} AS ${name}`;
  });
  const where = expand(condition).replace(/\s*\n\s*/g, ' ');
  return `SELECT ${selected.join(', ')} FROM process_ancestry_events WHERE subscriber = '${subscriber}' AND ${where}`;
}
