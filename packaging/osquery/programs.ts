/** Lists of programs for the detections: web servers, shells, package managers, … */

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

const SHELLS = words('sh dash bash rbash ash zsh ksh mksh csh tcsh fish');
const INTERPRETERS = words('python pypy perl ruby php lua luajit node nodejs tclsh');
const WEB_SERVERS = words(`
  nginx apache httpd lighttpd caddy openresty tengine angie haproxy traefik varnishd php-fpm php-cgi uwsgi uwsgi-core unitd
  PassengerAgent jsvc tomcat`);
const DATABASES = words(`
  postgres mysqld mariadbd mongod mongos redis-server valkey-server keydb-server clickhouse clickhouse-server memcached influxd
  etcd cockroach sqlservr oracle couchdb arangod`);
/** Without programs that run commands for others, such as snmpd, Consul, Nomad and build servers. */
const OTHER_SERVERS = words(`
  named unbound dnsmasq slapd smbd vsftpd proftpd pure-ftpd exim dovecot squid cupsd rsyncd openvpn asterisk freeswitch
  mosquitto beam.smp grafana grafana-server minio`);

/** Names without their trailing version: php-fpm8.2 is php-fpm, python3.11 is python, apache2 is apache. */
export const programs: Readonly<Record<string, readonly string[]>> = {
  shells: SHELLS,
  interpreters: INTERPRETERS,
  shells_and_interpreters: [...SHELLS, ...INTERPRETERS],
  web_servers: WEB_SERVERS,
  databases: DATABASES,
  other_servers: OTHER_SERVERS,
  services: [...WEB_SERVERS, ...DATABASES, ...OTHER_SERVERS],
  /** What runs applications that are no servers of their own name. */
  runtimes: words('python pypy ruby node nodejs deno bun java php perl dotnet'),
  schedulers: words('cron crond anacron atd fcron dcron'),
  network_tools: words(`
    curl wget fetch aria2c lynx nc nc.openbsd nc.traditional ncat netcat socat telnet ftp lftp tftp scp sftp ssh rclone`),
  scanners: words(`
    nmap masscan zmap rustscan naabu fscan arp-scan netdiscover nbtscan fping hping onesixtyone nikto sqlmap hydra medusa ncrack
    patator crackmapexec netexec kerbrute responder`),
  sniffers: words('tcpdump tshark dumpcap ngrep dsniff ettercap bettercap mitmproxy mitmdump mitmweb sslsplit tcpflow'),
  privilege_changers: words('sudo su pkexec doas runuser'),
  container_runtimes: words(`
    runc crun youki conmon conmonrs containerd containerd-shim containerd-shim-runc-v dockerd docker-init docker podman crio
    catatonit tini kubelet lxc-start systemd-nspawn`),
  package_managers: words('dpkg apt apt-get aptitude rpm rpm-ostree dnf yum zypper pacman apk snapd'),
  editors_and_pagers: words('vi vim vim.basic vim.tiny nvim view ed nano emacs less more most man pg'),
  programs_that_run_commands: words(`
    find awk gawk mawk tar zip rsync env xargs nmap gdb ftp git tcpdump timeout nice ionice stdbuf setarch flock watch strace
    script rpm dpkg make`),
  reconnaissance: words(`
    id whoami groups uname hostname hostnamectl lsb_release uptime w who last lastlog ps pstree top ss netstat ifconfig ip arp
    route df mount lsblk lscpu free env printenv getent ls find`),
  /** Programs whose purpose is to start a shell. */
  shell_givers: words(`
    sshd sshd-session sshd-auth login agetty mgetty getty su sudo doas pkexec runuser newgrp sg tmux screen zellij dtach abduco
    script expect systemd init systemd-run machinectl xterm gnome-terminal gnome-terminal-server konsole kitty alacritty foot st
    urxvt rxvt xfce4-terminal terminator lxterminal mate-terminal qterminal tilix guake yakuake ptyxis ptyxis-agent kgx
    wezterm-gui ghostty code code-insiders codium cursor code-server cockpit-bridge mosh-server ttyd dropbear telnetd in.telnetd
    vi vim vim.basic vim.tiny nvim view emacs less more man mc git make gdb strace ltrace env nice timeout setsid nohup unshare
    tailscaled teleport nsenter chroot setpriv bwrap flatpak lxc-attach lxc-execute ssm-session-worker ssm-document-worker amazon-ssm-agent
    google_guest_agent qemu-ga sulogin run-parts start-stop-daemon parallel xargs find busybox watchexec entr direnv nix
    toolbox distrobox ssh-agent dbus-run-session gosu su-exec dumb-init fakeroot proot psql mysql mariadb sftp`),
};

/** Programs that are scripts: the command line of the interpreter has their name. */
export interface Scripted {
  readonly interpreters: readonly string[];
  /** Patterns of GLOB. */
  readonly commandLines: readonly string[];
}

const SCRIPTED_WEB_SERVERS: Scripted = {
  interpreters: words('python ruby java node nodejs perl php'),
  commandLines: words(`
    */gunicorn* *gunicorn:* */uvicorn* */hypercorn* */unicorn* */puma* *puma?[0-9]* *org.apache.catalina.* *org.eclipse.jetty*
    *jboss-modules* *weblogic.Server* */pm2/* *Passenger*App*`),
};
const SCRIPTED_DATABASES: Scripted = {
  interpreters: ['java'],
  commandLines: words(`
    *CassandraDaemon* *org.elasticsearch* *org.opensearch* *org.apache.solr* *start.jar*solr* *org.neo4j*`),
};

export const scripted: Readonly<Record<string, readonly Scripted[]>> = {
  web_servers: [SCRIPTED_WEB_SERVERS],
  databases: [SCRIPTED_DATABASES],
  services: [SCRIPTED_WEB_SERVERS, SCRIPTED_DATABASES],
  /** Only installation: npm start runs any kind of server. */
  package_managers: [
    {
      interpreters: words('node nodejs python perl ruby php'),
      commandLines: words(`
        *npm*?install* *npm*?ci *npm*?ci?* *npm*?i *npm*?i?* *npm*?add?* *yarn*?install* *yarn*?add?* */yarn *pip*?install*
        *gem?install* *bundle?install* *composer*?install* *composer*?update* */dnf* */yum* *unattended-upgrade*`),
    },
  ],
};
