/** The facts of a container, as the column `container` shows them. A fact that the runtime's files do not have is absent. */
export interface ContainerFacts {
  /** 64 hex digits. */
  readonly id: string;
  readonly runtime: 'docker' | 'containerd' | 'cri-o' | 'podman';
  readonly name?: string | undefined;
  /** Name of the image, as given when the container was made. */
  readonly image?: string | undefined;
  /** Digest of the image's configuration: sha256:HEX. */
  readonly image_id?: string | undefined;
  /** The Kubernetes pod. */
  readonly pod?: PodFacts | undefined;
  /** The runtime is run by an ordinary user, who can write any of these facts. */
  readonly claimed?: true | undefined;
}

export interface PodFacts {
  readonly name?: string | undefined;
  readonly namespace?: string | undefined;
  readonly uid?: string | undefined;
}
