import { expect, test } from 'vitest';
import { dockerArchitecture, nodeArchitecture } from './architectures.ts';

test.each([
  ['x64', 'amd64'],
  ['ia32', '386'],
  ['arm64', 'arm64'],
  ['riscv64', 'riscv64'],
])('what is %s to Node is %s to Docker', (node, docker) => {
  expect(dockerArchitecture(node)).toBe(docker);
  expect(nodeArchitecture(docker)).toBe(node);
});
