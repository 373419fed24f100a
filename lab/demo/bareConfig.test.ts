import { expect, it } from 'vitest';
import { bareConfig } from './bareConfig.ts';

const PLACES = { root: '/bare/root', network: '/bare/net', criuConfig: '/run/drayage/criu.conf', id: 'bare' };
const original = (cgroupsPath: string) => ({
  ociVersion: '1.2.0',
  root: { path: '/var/lib/docker/overlay2/x/merged', readonly: false },
  hooks: { prestart: [{ path: '/proc/1/exe' }] },
  annotations: { 'org.criu.config': '/run/drayage/criu/cmp_1.conf', other: 'kept' },
  linux: {
    cgroupsPath,
    namespaces: [
      { type: 'mount' },
      { type: 'network', path: '/proc/9/ns/net' },
      { type: 'ipc', path: '/proc/9/ns/ipc' },
    ],
    seccomp: { defaultAction: 'SCMP_ACT_ERRNO' },
  },
});

it('is the original in other places, without the hooks of the engine', () => {
  expect(bareConfig(original('/lab/d1/abc'), PLACES)).toEqual({
    ociVersion: '1.2.0',
    root: { path: '/bare/root', readonly: false },
    annotations: { 'org.criu.config': '/run/drayage/criu.conf', other: 'kept' },
    linux: {
      cgroupsPath: '/lab/d1/bare',
      namespaces: [
        { type: 'mount' },
        { type: 'network', path: '/bare/net' },
        { type: 'ipc', path: '/proc/9/ns/ipc' },
      ],
      seccomp: { defaultAction: 'SCMP_ACT_ERRNO' },
    },
  });
});

it.each([
  ['/docker/abc', '/docker/bare'],
  ['system.slice:docker:abc', 'system.slice:docker:bare'],
])('has a cgroup beside the original: %s', (path, expected) => {
  expect(bareConfig(original(path), PLACES)).toMatchObject({ linux: { cgroupsPath: expected } });
});

it('is refused when the original is no such file', () => {
  expect(() => bareConfig({ root: 1 }, PLACES)).toThrow(/root/);
});
