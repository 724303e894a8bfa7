import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  containerdContainer,
  crioContainer,
  dockerContainer,
  isCrio,
  ociConfig,
  podmanContainer,
} from '../../../src/containers/runtime_documents.ts';
import {
  CRI_ANNOTATIONS,
  CRIO_ANNOTATIONS,
  dockerConfig,
  ID,
  IMAGE_ID,
  OTHER_ID,
  ociConfigText,
  POD,
  PODMAN_ANNOTATIONS,
  storageList,
} from './runtime_trees.ts';

describe('a container of Docker', () => {
  test('has its name without the slash, the name of its image and the image id', () => {
    expect(dockerContainer(ID, dockerConfig())).toEqual({
      ...{ id: ID, runtime: 'docker', name: 'checkout', image_id: IMAGE_ID },
      image: 'registry.example:5000/shop/checkout:1.4',
    });
  });

  test('has a pod if Kubernetes named it', () => {
    const Name = `/k8s_server_${POD.name}_${POD.namespace}_${POD.uid}_0`;
    expect(dockerContainer(ID, dockerConfig({ Name }))).toMatchObject({ name: Name.slice(1), pod: POD });
  });

  test('has no pod by its labels: an image brings labels of its own', () => {
    const Labels = { 'io.kubernetes.pod.name': POD.name, 'io.kubernetes.pod.namespace': POD.namespace };
    expect(dockerContainer(ID, dockerConfig({ Config: { Labels } })).pod).toBeUndefined();
  });
});

describe('a container of containerd', () => {
  test('has the names of Kubernetes', () => {
    expect(containerdContainer(ID, ociConfig(ociConfigText(CRI_ANNOTATIONS)))).toEqual({
      ...{ id: ID, runtime: 'containerd', name: 'server', image: 'registry.example/shop/checkout:1.4', pod: POD },
    });
  });

  test('has the name that nerdctl gave', () => {
    expect(containerdContainer(ID, ociConfig(ociConfigText({ 'nerdctl/name': 'db' })))).toEqual({
      ...{ id: ID, runtime: 'containerd', name: 'db' },
    });
  });

  test('has at least its id', () => {
    expect(containerdContainer(ID, ociConfig('{}'))).toEqual({ id: ID, runtime: 'containerd' });
  });
});

test('a container of CRI-O has the names of Kubernetes and the image id', () => {
  const config = ociConfig(ociConfigText(CRIO_ANNOTATIONS));
  expect(isCrio(config)).toBe(true);
  expect(crioContainer(ID, config)).toEqual({
    ...{ id: ID, runtime: 'cri-o', name: 'server', image: 'registry.example/shop/checkout:1.4', image_id: IMAGE_ID },
    pod: POD,
  });
  expect(isCrio(ociConfig(ociConfigText(PODMAN_ANNOTATIONS)))).toBe(false);
});

test('a container of Podman has its own name and image of the list', () => {
  const list = storageList([OTHER_ID, 'other'], [ID, 'tools']);
  const facts = { id: ID, runtime: 'podman', name: 'tools', image: 'localhost/tools:latest', image_id: IMAGE_ID };
  expect(podmanContainer(ID, list)).toEqual(facts);
  expect(podmanContainer(ID, storageList([OTHER_ID, 'other']))).toBeUndefined();
});

test('a fact of another type, or too long, is absent', () => {
  const odd = { Name: 7, Image: 'sha256:short', Config: { Image: 'x'.repeat(513) } };
  expect(dockerContainer(ID, JSON.stringify(odd))).toEqual({ id: ID, runtime: 'docker' });
  expect(podmanContainer(ID, JSON.stringify([{ id: ID, names: 'x', image: 4 }]))).toEqual({
    id: ID,
    runtime: 'podman',
  });
});

test('for any JSON the result is facts or an error', () => {
  const readers = [
    (json: string) => dockerContainer(ID, json),
    (json: string) => containerdContainer(ID, ociConfig(json)),
    (json: string) => crioContainer(ID, ociConfig(json)),
    (json: string) => podmanContainer(ID, json) ?? { id: ID },
  ];
  fc.assert(
    fc.property(fc.json(), fc.constantFrom(...readers), (json, read) => {
      let facts: { readonly id: string } | undefined;
      try {
        facts = read(json);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
        return;
      }
      expect(facts.id).toBe(ID);
    }),
  );
});
