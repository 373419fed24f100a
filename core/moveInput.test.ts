import { expect, test } from 'vitest';
import { DrayageError } from './cause.ts';
import { checkInput, transferInputSchema } from './moveInput.ts';

const compute = {
  id: 'cmp_000000000001',
  group: 'grp_000000000001',
  name: 'app',
  image: { id: 'img_000000000001', digest: `sha256:${'0'.repeat(64)}` },
  address: { ip: '10.77.1.1', prefix: 16, mac: '02:42:0a:4d:01:01' },
};
const transfer = {
  migration: 'mig_000000000001',
  transfer: 'a'.repeat(32),
  group: 'grp_000000000001',
  epoch: 2,
  computes: [compute],
  peer: 'dev_000000000002',
};

test('a transfer of this version is understood, with its defaults', () => {
  expect(checkInput(transferInputSchema, transfer)).toMatchObject({
    epoch: 2,
    computes: [{ env: {}, volumes: [] }],
  });
});

test.each([
  ['a transfer without its group', { ...transfer, group: undefined }],
  ['an epoch that is none', { ...transfer, epoch: 0 }],
  ['an id that leaves its folder', { ...transfer, migration: '../x' }],
  ['a group of nothing', { ...transfer, computes: [] }],
  ['a peer that is no device', { ...transfer, peer: 'control' }],
  ['nothing at all', undefined],
])('%s is refused for good', (_name, input) => {
  const check = () => checkInput(transferInputSchema, input);
  expect(check).toThrow(DrayageError);
  expect(check).toThrow('same version');
});
