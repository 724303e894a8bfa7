import { describe, expect, test } from 'vitest';
import { containerMembers } from '../../../src/ecs/container.ts';

const documentOf = (facts: Partial<Parameters<typeof containerMembers>[0]>) =>
  JSON.parse(`{"at":0${containerMembers({ id: 'c1', runtime: 'podman', ...facts })}}`) as Record<string, unknown>;

describe('the container of a document', () => {
  test.each([
    ['nginx', { name: 'nginx' }],
    ['nginx:1.27', { name: 'nginx', tag: ['1.27'] }],
    ['localhost:5000/shop/web', { name: 'localhost:5000/shop/web' }],
    ['localhost:5000/shop/web:v2', { name: 'localhost:5000/shop/web', tag: ['v2'] }],
    ['docker.io/library/nginx:1.27@sha256:ab', { name: 'docker.io/library/nginx', tag: ['1.27'] }],
    ['docker.io/library/nginx@sha256:ab', { name: 'docker.io/library/nginx' }],
    ['sha256:ab', undefined],
  ])('has name and tag of the image %s', (image, expected) => {
    expect(documentOf({ image })).toEqual({
      at: 0,
      container: { id: 'c1', runtime: 'podman', ...(expected ? { image: expected } : {}) },
    });
  });

  test('has the known facts, and its pod as the resource of Kubernetes', () => {
    const facts = { name: 'web', image_id: 'sha256:ab', pod: { name: 'web-0', uid: 'u' } };
    expect(documentOf(facts)).toEqual({
      at: 0,
      container: { id: 'c1', name: 'web', runtime: 'podman', image: { hash: { all: ['sha256:ab'] } } },
      orchestrator: { type: 'kubernetes', resource: { type: 'pod', name: 'web-0', id: 'u' } },
    });
  });

  test('is left out if it is claimed', () => {
    expect(documentOf({ name: 'web', claimed: true })).toEqual({ at: 0 });
  });
});
