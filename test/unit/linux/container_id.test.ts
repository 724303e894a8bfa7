import { describe, expect, test } from 'vitest';
import { ContainerIds, containerGroups, containerIdOf } from '../../../src/linux/container_id.ts';

/** Paths from other projects, with their source. */
const CONTAINERS: readonly [source: string, path: string, id: string][] = [
  [
    'docker, cgroupfs (coroot-node-agent, cgroup/cgroup_test.go)',
    '/docker/b43d92bf1e5c6f78bb9b7bc6f40721280299855ba692092716e3a1b6c0b86f3f',
    'b43d92bf1e5c6f78bb9b7bc6f40721280299855ba692092716e3a1b6c0b86f3f',
  ],
  [
    'docker, systemd (coroot-node-agent, cgroup/cgroup_test.go)',
    '/system.slice/docker-cf87ba651579c9231db817909e7865e5747bd7abcac0c57ce23cf4abbaee046b.scope',
    'cf87ba651579c9231db817909e7865e5747bd7abcac0c57ce23cf4abbaee046b',
  ],
  [
    'docker, a slice of its own (falcosecurity/libs, container_cgroup.ut.cpp)',
    '/docker.slice/docker-7951fb549ab99e0722a949b6c121634e1f3a36b5bacbe5392991e3b12251e6b8.scope',
    '7951fb549ab99e0722a949b6c121634e1f3a36b5bacbe5392991e3b12251e6b8',
  ],
  [
    'docker on old Debian (neuvector, share/system/cgroup_test.go)',
    '/4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970',
    '4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970',
  ],
  [
    'docker below Kubernetes, systemd (coroot-node-agent, cgroup/cgroup_test.go)',
    '/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod8712f785_1a3e_41ec_a00b_e2dcc77431cb.slice/docker-73051af271105c07e1f493b34856a77e665e3b0b4fc72f76c807dfbffeb881bd.scope',
    '73051af271105c07e1f493b34856a77e665e3b0b4fc72f76c807dfbffeb881bd',
  ],
  [
    'Kubernetes, cgroupfs, burstable (dd-trace-go, internal/container_linux_test.go)',
    '/kubepods/burstable/podfd52ef25-a87d-11e9-9423-0800271a638e/8c046cb0b72cd4c99f51b5591cd5b095967f58ee003710a45280c28ee1a9c7fa',
    '8c046cb0b72cd4c99f51b5591cd5b095967f58ee003710a45280c28ee1a9c7fa',
  ],
  [
    'Kubernetes, cgroupfs, guaranteed (coroot-node-agent, cgroup/cgroup_test.go)',
    '/kubepods/poda38c12e8-255a-11e9-8cd9-0007cb0b2cc8/32c562ed81a2622b37b80cb216859820ba51bd694f60ee4cf10d07a4011266f8',
    '32c562ed81a2622b37b80cb216859820ba51bd694f60ee4cf10d07a4011266f8',
  ],
  [
    'Kubernetes, a group that the container made (coroot-node-agent, cgroup/cgroup_test.go)',
    '/kubepods/besteffort/pod0d08203e-255a-11e9-8cd9-0007cb0b2cc8/671a50f5d60566556912f61511d0ec9e4d5c78d53fbc4676727180438bbbbc55/kube-proxy',
    '671a50f5d60566556912f61511d0ec9e4d5c78d53fbc4676727180438bbbbc55',
  ],
  [
    'Kubernetes, an id that is a UUID (apm-agent-python, tests/utils/cgroup_tests.py)',
    '/kubepods/besteffort/pode9b90526-f47d-11e8-b2a5-080027b9f4fb/15aa6e53-b09a-40c7-8558-c6c31e36c88a',
    '15aa6e53-b09a-40c7-8558-c6c31e36c88a',
  ],
  [
    'containerd, cgroupfs (falcosecurity/libs, container_cgroup.ut.cpp)',
    '/kubepods/besteffort/podac04f3f2-1f2c-11e9-b015-1ebee232acfa/605439acbd4fb18c145069289094b17f17e0cfa938f78012d4960bc797305f22',
    '605439acbd4fb18c145069289094b17f17e0cfa938f78012d4960bc797305f22',
  ],
  [
    'containerd, systemd (kepler, internal/resource/container_test.go)',
    '/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod3cae2e45_052c_4b11_80d3_4d7b2d2d3464.slice/cri-containerd-2b180104511194aab36fd295d3e217439f3ddb5bc88277f37b4952abee85c40e.scope',
    '2b180104511194aab36fd295d3e217439f3ddb5bc88277f37b4952abee85c40e',
  ],
  [
    'containerd, the name that systemd did not translate (coroot-node-agent, cgroup/cgroup_test.go)',
    '/system.slice/containerd.service/kubepods-burstable-pod4ed02c0b_0df8_4d14_a30e_fd589ee4143a.slice:cri-containerd:d4a9f9195eaf7e4a729f24151101e1de61f1398677e7b82acfb936dff0b4ce55',
    'd4a9f9195eaf7e4a729f24151101e1de61f1398677e7b82acfb936dff0b4ce55',
  ],
  [
    'cri-o, systemd (falcosecurity/libs, container_cgroup.ut.cpp)',
    '/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod63b3ebfc_2890_11e9_8154_16bf8ef8d9dc.slice/crio-17d8c9eacc629f9945f304d89e9708c0c619649a484a215b240628319548a09f.scope',
    '17d8c9eacc629f9945f304d89e9708c0c619649a484a215b240628319548a09f',
  ],
  [
    'cri-o, below its scope (coroot-node-agent, cgroup/cgroup_test.go)',
    '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podea19ff5d_943a_4466_a07e_a71e9e50cc62.slice/crio-21572039dd8398ff8272b031fa5422a40165145ab37f2f8794e1e7f844fe8118.scope/container',
    '21572039dd8398ff8272b031fa5422a40165145ab37f2f8794e1e7f844fe8118',
  ],
  [
    'cri-o, cgroupfs (falcosecurity/libs, container_cgroup.ut.cpp)',
    '/kubepods/besteffort/pod63b3ebfc-2890-11e9-8154-16bf8ef8d9dc/crio-73bfe475650de66df8e2affdc98d440dcbe84f8df83b6f75a68a82eb7026136a',
    '73bfe475650de66df8e2affdc98d440dcbe84f8df83b6f75a68a82eb7026136a',
  ],
  [
    'podman of root (kepler, internal/resource/container_test.go)',
    '/machine.slice/libpod-06dc5f321aad8726aa26559f16ec203bc099245bc44894b14a89fc02b022d1d5.scope/container',
    '06dc5f321aad8726aa26559f16ec203bc099245bc44894b14a89fc02b022d1d5',
  ],
  [
    'podman of a user (kepler, internal/resource/container_test.go)',
    '/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-3f05ee050f82c0145f1d88c94269c39dff0f07dbf8bba20aafd54b3a75dcaecc.scope/container',
    '3f05ee050f82c0145f1d88c94269c39dff0f07dbf8bba20aafd54b3a75dcaecc',
  ],
  [
    'podman as a service, quadlet (kepler, internal/resource/container_test.go)',
    '/system.slice/kepler.service/libpod-payload-8e363eb2287da4ccc9f52ffc5de11252ac5fe707e3ddb917a3c0bdf9bb64165b',
    '8e363eb2287da4ccc9f52ffc5de11252ac5fe707e3ddb917a3c0bdf9bb64165b',
  ],
  [
    'containerd in Docker, kind (kepler, internal/resource/container_test.go)',
    '/system.slice/docker-fd9d0ea06257a9780827cbc7fd92e3812a54fca26d63e191b73610d5d48b9cbd.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-podeab5a334_93fe_48a8_b139_9e8079c1f163.slice/cri-containerd-99f3a16ea25b7724cb56a4f0c0df1113ad9474fbf5545bead97fd5c7f61c13f4.scope',
    '99f3a16ea25b7724cb56a4f0c0df1113ad9474fbf5545bead97fd5c7f61c13f4',
  ],
  [
    'Amazon ECS, cgroup v1 (dd-trace-go, internal/container_linux_test.go)',
    '/ecs/55091c13-b8cf-4801-b527-f4601742204d/432624d2150b349fe35ba397284dea788c2bf66b885d14dfc1569b01890ca7da',
    '432624d2150b349fe35ba397284dea788c2bf66b885d14dfc1569b01890ca7da',
  ],
  [
    'Fargate (dd-trace-go, internal/container_linux_test.go)',
    '/ecs/34dc0b5e626f2c5c4c5170e34b10e765-1234567890',
    '34dc0b5e626f2c5c4c5170e34b10e765-1234567890',
  ],
  [
    'Cloud Foundry Garden (dd-trace-go, internal/container_linux_test.go)',
    '/system.slice/garden.service/garden/6f265890-5165-7fab-6b52-18d1',
    '6f265890-5165-7fab-6b52-18d1',
  ],
  [
    'a build step of Docker, systemd (a public test of service names)',
    '/system.slice/system.slice:docker:jvifp9a6b1lxa1kuw8bwfcovf',
    'jvifp9a6b1lxa1kuw8bwfcovf',
  ],
  [
    'a build step of Docker, cgroupfs (as the one before, under the other driver)',
    '/docker/buildkit/jvifp9a6b1lxa1kuw8bwfcovf',
    'jvifp9a6b1lxa1kuw8bwfcovf',
  ],
  ['LXC 3 and older (coroot-node-agent, cgroup/cgroup_test.go)', '/lxc/mysql-primary-db', 'mysql-primary-db'],
  ['LXC 3.1 and 3.2 (lxc, pull request 2643)', '/lxc.payload/c1/system.slice/cron.service', 'c1'],
  [
    'LXC 4 and LXD (imagecraft, losetup server test)',
    '/lxc.payload.snapcraft_some-container',
    'snapcraft_some-container',
  ],
  [
    'LXC below another group (vpsadminos, osctld container spec)',
    '/osctl/pool.tank/group.default/user.alice/ct.ct1/user-owned/lxc.payload.ct1/system.slice/cron.service',
    'ct1',
  ],
  ['LXC of Proxmox VE (its lxc.cgroup.dir.container)', '/lxc/101/ns/system.slice/ssh.service', '101'],
  [
    'systemd-nspawn as a service (systemd, test of machinectl)',
    '/machine.slice/systemd-nspawn@zurps.service/payload',
    'zurps',
  ],
  [
    'systemd-nspawn as a service, with a dot (delphix, upgrade README)',
    '/machine.slice/systemd-nspawn@delphix.uE0noy5.service/payload/system.slice/ssh.service',
    'delphix.uE0noy5',
  ],
  ['systemd-nspawn from a shell (man 1 systemd-nspawn)', '/machine.slice/machine-web\\x2d1.scope/payload', 'web-1'],
  [
    'libvirt LXC (a kubeadm report)',
    '/machine.slice/machine-lxc\\x2d50642\\x2dk8s\\x2dcp.scope/libvirt/system.slice/crio.service',
    'lxc-50642-k8s-cp',
  ],
];

const NONE: readonly [what: string, path: string][] = [
  ['nothing', ''],
  ['the root', '/'],
  ['a service (coroot-node-agent)', '/system.slice/docker.service'],
  ['a session', '/user.slice/user-1000.slice/session-3.scope'],
  ['a slice with an escape (coroot-node-agent)', '/system.slice/system-serial\\x2dgetty.slice'],
  ["systemd's own scope", '/init.scope'],
  ['all pods (dd-trace-go)', '/kubepods'],
  [
    "a pod's slice",
    '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod2942c55e_c9cb_428a_93f4_eaf89c1f3ce0.slice',
  ],
  ['a pod, cgroupfs', '/kubepods/burstable/pod6a4ce4a0-ba47-11ea-b2a7-0cc47ac5979e'],
  [
    "cri-o's conmon",
    '/kubepods.slice/kubepods-pod2942c55e_c9cb_428a_93f4_eaf89c1f3ce0.slice/crio-conmon-49f9e8e5395d57c1083996c09e2e6f042d5fe1ec0310facab32f94912b35ce59.scope',
  ],
  [
    "podman's conmon (a report, /proc/PID/cgroup of a container under v1)",
    '/machine.slice/libpod-conmon-24fce7291bc6d7f8a5965a5920740b0df25dda9bb4e84ffb889d8ea2927acec5.scope',
  ],
  ["podman's conmon, cgroupfs (podman, container_internal_test.go)", '/libpod_parent/conmon'],
  [
    "podman's conmon of a pod, cgroupfs",
    '/libpod_parent/24fce7291bc6d7f8a5965a5920740b0df25dda9bb4e84ffb889d8ea2927acec5/conmon',
  ],
  ["podman's conmon of a quadlet", '/system.slice/kepler.service/runtime'],
  [
    "podman's health check, which runs on the host",
    '/system.slice/24fce7291bc6d7f8a5965a5920740b0df25dda9bb4e84ffb889d8ea2927acec5.service',
  ],
  [
    "podman's pod",
    '/machine.slice/machine-libpod_pod_24fce7291bc6d7f8a5965a5920740b0df25dda9bb4e84ffb889d8ea2927acec5.slice',
  ],
  ["LXC's monitor", '/lxc.monitor.web'],
  ["LXC's monitor, 3.1 and 3.2", '/lxc.monitor/c1'],
  ["LXC's pivot", '/lxc.pivot'],
  ["LXC's monitor at Proxmox VE", '/lxc.monitor/101'],
  ['nspawn itself', '/machine.slice/systemd-nspawn@web.service/supervisor'],
  [
    "a virtual machine (a public test of libvirt's groups)",
    '/machine.slice/machine-qemu\\x2d1\\x2dinstance\\x2d00000001.scope/libvirt',
  ],
  ['all tasks of ECS', '/ecstasks.slice/ecstasks-e95a40efbde84cbc8600660a109ec194.slice'],
  ['63 digits', '/system.slice/docker-f87ba651579c9231db817909e7865e5747bd7abcac0c57ce23cf4abbaee046b.scope'],
];

describe('the container of a control group', () => {
  test.each(CONTAINERS)('%s', (_, path, id) => {
    expect(containerIdOf(path)).toBe(id);
  });

  test.each(NONE)('is none: %s', (_, path) => {
    expect(containerIdOf(path)).toBe('');
  });

  test('is still known after the group was removed', () => {
    expect(containerIdOf('/lxc.payload.web (deleted)')).toBe('web');
  });

  test("is the outer one for an inner one's conmon", () => {
    const outer = 'fd9d0ea06257a9780827cbc7fd92e3812a54fca26d63e191b73610d5d48b9cbd';
    const inner = '99f3a16ea25b7724cb56a4f0c0df1113ad9474fbf5545bead97fd5c7f61c13f4';
    expect(containerIdOf(`/docker/${outer}/kubepods/crio-conmon-${inner}.scope`)).toBe(outer);
    expect(containerIdOf(`/docker/${outer}/libpod_parent/conmon`)).toBe(outer);
  });
});

test('the groups of nested containers are the outermost first, each with the group above it', () => {
  const [outer, inner] = ['a1'.repeat(32), 'b2'.repeat(32)];
  expect(containerGroups(`/docker/${outer}/kubepods/${inner}/init.scope (deleted)`)).toEqual([
    { id: outer, above: '/docker' },
    { id: inner, above: `/docker/${outer}/kubepods` },
  ]);
  expect(containerGroups(`/${outer}`)).toEqual([{ id: outer, above: '/' }]);
});

test('a second look-up gives the same', () => {
  const ids = new ContainerIds();
  for (const [, path, id] of [...CONTAINERS, ...CONTAINERS]) expect(ids.of(path)).toBe(id);
  expect([ids.of('/init.scope'), ids.of('/init.scope')]).toEqual(['', '']);
});
