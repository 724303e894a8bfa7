/** Files as container runtimes write them, in a folder that stands for the root of a host. */
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach } from 'vitest';

export const ID = '5a3c'.repeat(16);
export const OTHER_ID = '9b2d'.repeat(16);
const IMAGE_DIGEST = 'e4f1'.repeat(16);
export const IMAGE_ID = `sha256:${IMAGE_DIGEST}`;
export const POD = { name: 'checkout-7d9', namespace: 'shop', uid: '3f0d6a52-94c1-4e0b-8a3e-0f7b5c1d2e34' };
export const IS_ROOT = process.getuid?.() === 0;
/** The owner of the files: root if the test is run by root. */
export const OWNER = process.getuid?.() ?? 0;

const made: string[] = [];
afterEach(() => {
  for (const root of made.splice(0)) rmSync(root, { recursive: true, force: true });
});

export function newRoot(files: Readonly<Record<string, string>> = {}): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'pa-containers-')));
  made.push(root);
  chmodSync(root, 0o755);
  write(root, files);
  return root;
}

/** Writes files by their absolute path on the host. */
export function write(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true, mode: 0o755 });
    writeFileSync(join(root, path), text, { mode: 0o644 });
  }
}

/** moby, daemon/container: a container's config.v2.json. */
export function dockerConfig(more: object = {}): string {
  return JSON.stringify({
    State: { Running: true, Pid: 4711 },
    ID,
    Image: IMAGE_ID,
    Name: '/checkout',
    Driver: 'overlay2',
    Config: { Hostname: ID.slice(0, 12), Image: 'registry.example:5000/shop/checkout:1.4', Labels: {}, Env: ['A=b'] },
    ...more,
  });
}

/** opencontainers/runtime-spec, config.json. */
export function ociConfigText(annotations: Readonly<Record<string, string>>, sources: readonly string[] = []): string {
  return JSON.stringify({
    ociVersion: '1.1.0',
    process: { args: ['/bin/server'], cwd: '/' },
    mounts: [{ destination: '/proc', type: 'proc' }, ...sources.map((source) => ({ destination: '/etc', source }))],
    annotations,
  });
}

/** containerd, internal/cri/annotations. */
export const CRI_ANNOTATIONS = {
  'io.kubernetes.cri.container-type': 'container',
  'io.kubernetes.cri.sandbox-id': OTHER_ID,
  'io.kubernetes.cri.sandbox-name': POD.name,
  'io.kubernetes.cri.sandbox-namespace': POD.namespace,
  'io.kubernetes.cri.sandbox-uid': POD.uid,
  'io.kubernetes.cri.container-name': 'server',
  'io.kubernetes.cri.image-name': 'registry.example/shop/checkout:1.4',
};

/** cri-o, internal/factory/container. */
export const CRIO_ANNOTATIONS = {
  'io.container.manager': 'cri-o',
  'io.kubernetes.container.name': 'server',
  'io.kubernetes.cri-o.ContainerType': 'container',
  'io.kubernetes.cri-o.ImageName': 'registry.example/shop/checkout:1.4',
  'io.kubernetes.cri-o.ImageRef': IMAGE_DIGEST,
  'io.kubernetes.pod.name': POD.name,
  'io.kubernetes.pod.namespace': POD.namespace,
  'io.kubernetes.pod.uid': POD.uid,
};

export const PODMAN_ANNOTATIONS = { 'io.container.manager': 'libpod', 'org.opencontainers.image.stopSignal': '15' };

/** containers/storage, containers.go: containers.json. */
export function storageList(...names: readonly (readonly [id: string, name: string])[]): string {
  return JSON.stringify(
    names.map(([id, name]) => ({
      ...{ id, names: [name], image: IMAGE_DIGEST, layer: OTHER_ID },
      metadata: JSON.stringify({ 'image-name': 'localhost/tools:latest', 'image-id': IMAGE_DIGEST, name }),
      created: '2026-11-21T06:02:03.004Z',
    })),
  );
}
