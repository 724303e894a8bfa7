/** Finds the facts of a container in the JSON documents of its runtime. Takes texts, and throws if one is no JSON object. */
import type { ContainerFacts, PodFacts } from './facts.ts';

/** A longer text is left out. Names of images have at most 255 bytes without registry and tag. */
const TEXT_MAX = 512;

type Unknown = { readonly [name: string]: unknown };

/** config.v2.json of Docker: `Image` is the id of the image, `Config.Image` its name. */
export function dockerContainer(id: string, json: string): ContainerFacts {
  const { Name, Image, Config } = parsed(json);
  const name = textOf(Name)?.replace(/^\//, '');
  return {
    id,
    runtime: 'docker',
    name,
    image: textOf(member(Config, 'Image')),
    image_id: imageId(Image),
    pod: podIn(name),
  };
}

/** Kubernetes names its Docker containers k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT; none of these may contain an underscore. */
function podIn(name = ''): PodFacts | undefined {
  const [, pod, namespace, uid] = /^k8s_[^_]+_([^_]+)_([^_]+)_([^_]+)_\d+$/.exec(name) ?? [];
  return pod === undefined ? undefined : { name: pod, namespace, uid };
}

/** The parts of an OCI runtime configuration (config.json) that are used here. */
export interface OciConfig {
  /** '' for an annotation that is absent. */
  readonly annotation: (name: string) => string | undefined;
  /** Host paths of the mounts. */
  readonly sources: readonly string[];
}

export function ociConfig(json: string): OciConfig {
  const { annotations, mounts } = parsed(json);
  const sources = Array.isArray(mounts) ? mounts.map((mount: unknown) => textOf(member(mount, 'source')) ?? '') : [];
  return { annotation: (name) => textOf(member(annotations, name)), sources };
}

/** A container of containerd: the annotations of its CRI plugin, or of nerdctl. */
export function containerdContainer(id: string, { annotation }: OciConfig): ContainerFacts {
  return {
    ...{ id, runtime: 'containerd' },
    name: annotation('io.kubernetes.cri.container-name') ?? annotation('nerdctl/name'),
    image: annotation('io.kubernetes.cri.image-name'),
    pod: podOf(
      annotation('io.kubernetes.cri.sandbox-name'),
      annotation('io.kubernetes.cri.sandbox-namespace'),
      annotation('io.kubernetes.cri.sandbox-uid'),
    ),
  };
}

export function isCrio({ annotation }: OciConfig): boolean {
  return annotation('io.container.manager') === 'cri-o';
}

/** A container of CRI-O. */
export function crioContainer(id: string, { annotation }: OciConfig): ContainerFacts {
  return {
    ...{ id, runtime: 'cri-o' },
    name: annotation('io.kubernetes.container.name'),
    image: annotation('io.kubernetes.cri-o.ImageName'),
    image_id: imageId(annotation('io.kubernetes.cri-o.ImageRef')),
    pod: podOf(
      annotation('io.kubernetes.pod.name'),
      annotation('io.kubernetes.pod.namespace'),
      annotation('io.kubernetes.pod.uid'),
    ),
  };
}

/** A container of Podman in containers.json; undefined if it is not in the list. */
export function podmanContainer(id: string, json: string): ContainerFacts | undefined {
  const list: unknown = JSON.parse(json);
  const one: unknown = Array.isArray(list) ? list.find((each) => member(each, 'id') === id) : undefined;
  if (one === undefined) return undefined;
  const names = member(one, 'names');
  const metadata = textOf(member(one, 'metadata'), Number.POSITIVE_INFINITY);
  return {
    ...{ id, runtime: 'podman' },
    name: textOf(Array.isArray(names) ? names[0] : undefined),
    image: metadata === undefined ? undefined : textOf(parsed(metadata)['image-name']),
    image_id: imageId(member(one, 'image')),
  };
}

function podOf(name?: string, namespace?: string, uid?: string): PodFacts | undefined {
  return name === undefined && namespace === undefined && uid === undefined ? undefined : { name, namespace, uid };
}

function parsed(json: string): Unknown {
  const value: unknown = JSON.parse(json);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('no JSON object');
  return value as Unknown;
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Unknown)[name] : undefined;
}

function textOf(value: unknown, max = TEXT_MAX): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= max ? value : undefined;
}

/** Docker writes the algorithm before the digest, containers/storage does not. */
function imageId(value: unknown): string | undefined {
  const [, digest] = /^(?:sha256:)?([0-9a-f]{64})$/.exec(textOf(value) ?? '') ?? [];
  return digest === undefined ? undefined : `sha256:${digest}`;
}
