import { expect, test } from 'vitest';
import { publishedPortSchema, publishedPortsSchema, refusePorts } from './publishedPorts.ts';

const one = { protocol: 'tcp' as const, host: 8080, compute: 80 };

test.each([
  ['a port without a protocol is one of TCP', { host: 8080, compute: 80 }, true],
  ['the last port', { host: 65_535, compute: 65_535 }, true],
  ['a port of the system', { host: 1023, compute: 80 }, false],
  ['a port above the last', { host: 65_536, compute: 80 }, false],
  ['port 0 of the compute', { host: 8080, compute: 0 }, false],
  ['half a port', { host: 8080.5, compute: 80 }, false],
  ['another protocol', { protocol: 'sctp', host: 8080, compute: 80 }, false],
])('%s', (_, given, taken) => {
  expect(publishedPortSchema.safeParse(given).success).toBe(taken);
});

test.each([
  ['one port by two protocols', [one, { ...one, protocol: 'udp' }], true],
  ['one port twice', [one, { ...one, compute: 81 }], false],
  ['too many', Array.from({ length: 33 }, (_, index) => ({ ...one, host: 2000 + index })), false],
])('%s', (_, given, taken) => {
  expect(publishedPortsSchema.safeParse(given).success).toBe(taken);
});

test('what devices and the control plane use themselves is refused, with cause and mend', () => {
  expect(refusePorts([one], new Set([7444]))).toEqual([]);
  expect(refusePorts([one, { ...one, host: 7444 }], new Set([7443, 7444]))).toMatchObject([
    { code: 'portReserved', mend: 'Choose another host port.' },
  ]);
});
