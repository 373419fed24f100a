import { describe, expect, it } from 'vitest';
import type { Schemas } from '../../../client/createClient.ts';
import type { Device } from '../state/collections.ts';
import { filterChoices, filterDevices, readFilter } from './deviceFilter.ts';
import { joinCommand } from './joinCommand.ts';
import { moveMatrix } from './moveMatrix.ts';
import { parseLabels, writeLabels } from './parseLabels.ts';

const device = (name: string, over: object, architecture = 'x64') =>
  ({
    ...{ id: name, name, location: null, labels: {}, state: 'ready', inventory: { architecture } },
    ...over,
  }) as Device;

describe('filterDevices', () => {
  const devices = [
    device('a', { location: 'hall', labels: { floor: '1' } }),
    device('b', { state: 'pending' }, 'arm64'),
    device('c', { state: 'discovered', location: 'roof' }),
  ];
  it.each([
    ['', ['a', 'b', 'c']],
    ['q=floor', ['a']],
    ['state=toApprove', ['b', 'c']],
    ['state=pending', ['b']],
    ['location=-', ['b']],
    ['location=hall', ['a']],
    ['label=floor%3D1', ['a']],
    ['label=floor', []],
    ['architecture=arm64', ['b']],
    ['architecture=x64&state=toApprove', ['c']],
  ])('“%s” leaves %o', (query, left) => {
    expect(filterDevices(devices, readFilter(new URLSearchParams(query))).map(({ name }) => name)).toEqual(
      left,
    );
  });
  it('knows what there is to choose from', () => {
    expect(filterChoices(devices)).toEqual({
      architectures: ['arm64', 'x64'],
      locations: ['hall', 'roof'],
      labels: ['floor=1'],
      states: ['discovered', 'pending', 'ready'],
    });
  });
});

describe('parseLabels', () => {
  it.each([
    ['', {}],
    ['a=b\n\n  c = d=e ', { a: 'b', c: 'd=e' }],
    ['empty=', { empty: '' }],
  ])('of %o', (text, labels) => {
    expect(parseLabels(text)).toEqual({ labels });
  });
  it.each([
    ['nothing', '“nothing” is no label: write name=value.'],
    ['=b', '“=b” is no label: write name=value.'],
    ['Big Name=1', '“Big Name” cannot be a label: names are small letters, digits and . _ / - between them.'],
  ])('refuses %o', (text, error) => {
    expect(parseLabels(text)).toEqual({ error });
  });
  it('reads what it writes', () => {
    const labels = { a: '1', 'b/c': 'x=y' };
    expect(parseLabels(writeLabels(labels))).toEqual({ labels });
  });
});

describe('joinCommand', () => {
  const facts = { token: 'drj_1', controlUrl: 'https://control:7443' };
  it.each([
    ['roof', '--name roof '],
    ['', '--name "$(hostname)" '],
  ])('with the name “%s” has %s', (name, part) => {
    const command = joinCommand({ ...facts, name });
    expect(command).toContain(part);
    expect(command).toMatch(
      /^DRAYAGE_JOIN_TOKEN=drj_1 sh deploy\/install-device.sh \\\n.*--control-url https:\/\/control:7443/,
    );
  });
});

describe('moveMatrix', () => {
  it('has those that can take it first, and not the device itself as an example', () => {
    const facts = { architecture: 'x64', criu: '4.2', cgroupVersion: '2' };
    const classes = [
      {
        id: 'same',
        facts,
        examples: [
          { id: 'me', name: 'me' },
          { id: 'you', name: 'you' },
        ],
      },
    ] as unknown as Schemas['DeviceClass'][];
    const rows = moveMatrix(
      [
        { class: 'other', devices: 3, ok: false, causes: [] },
        { class: 'same', devices: 1, ok: true, causes: [] },
        { class: 'none', devices: 0, ok: true, causes: [] },
      ],
      classes,
      'me',
    );
    expect(
      rows.map(({ id, facts: words, examples }) => [id, words, examples.map(({ name }) => name)]),
    ).toEqual([
      ['same', 'x64, CRIU 4.2, cgroup v2', ['you']],
      ['other', '–', []],
    ]);
  });
});
