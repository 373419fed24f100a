import { describe, expect, it } from 'vitest';
import type { Compute } from '../state/collections.ts';
import { shownErrors } from './formIssues.ts';
import {
  type ComputeForm,
  emptyForm,
  emptySettings,
  readComputeForm,
  readSettingsForm,
  settingsFormOf,
} from './form.ts';

const good: ComputeForm = { ...emptyForm(), name: 'web', image: 'img_1' };
const check = { on: true, command: 'true', interval: '', timeout: '', retries: '', startPeriod: '' };

describe('a form', () => {
  it('asks for no more than was typed', () => {
    expect(readComputeForm(good).request).toEqual({
      ...{ name: 'web', image: 'img_1', capabilities: [], env: {}, labels: {} },
      ...{ ports: [], volumes: [], tmpfs: [], restartPolicy: { name: 'no' } },
    });
  });

  it('asks for all that was typed', () => {
    const form: ComputeForm = {
      ...good,
      ...{ device: 'dev_1', group: 'shop', command: `sh -c 'a b'`, memory: '256m', cpus: '0.5', pids: '10' },
      env: [
        { key: 'A', value: 'b' },
        { key: '', value: '' },
      ],
      ports: [
        { host: '', compute: '', protocol: 'udp' },
        { host: '8080', compute: '80', protocol: 'tcp' },
      ],
      volumes: [{ name: 'data', path: '/data' }],
      tmpfs: [{ path: '/tmp', size: '1m' }],
      ...{ restart: 'on-failure', maximumRetries: '3', check: { ...check, interval: '5' } },
    };
    expect(readComputeForm(form).request).toMatchObject({
      ...{ device: 'dev_1', group: 'shop', command: ['sh', '-c', 'a b'], memoryBytes: 2 ** 28 },
      ...{ cpus: 0.5, pids: 10, env: { A: 'b' }, volumes: [{ name: 'data', path: '/data' }] },
      ...{
        ports: [{ host: 8080, compute: 80, protocol: 'tcp' }],
        tmpfs: [{ path: '/tmp', sizeBytes: 2 ** 20 }],
      },
      restartPolicy: { name: 'on-failure', maximumRetries: 3 },
      healthCheck: { command: ['true'], intervalSeconds: 5 },
    });
  });
});

describe('what becomes of it when its device is lost', () => {
  const always: ComputeForm = { ...good, restart: 'always' };

  it('is asked for as it was chosen', () => {
    expect(readComputeForm({ ...always, lost: 'restart' }).request?.protection).toEqual({ kind: 'restart' });
    const kept = readComputeForm({ ...good, lost: 'checkpoint', everySeconds: '30' });
    expect(kept.request?.protection).toEqual({ kind: 'checkpoint', everySeconds: 30 });
  });

  it('is refused at its field', () => {
    expect(Object.keys(readComputeForm({ ...good, lost: 'restart' }).errors)).toEqual(['lost']);
    const often = readComputeForm({ ...good, lost: 'checkpoint', everySeconds: '1' });
    expect(often.errors).toEqual({ everySeconds: 'At least 5.' });
    const grouped = readComputeForm({ ...good, group: 'shop', lost: 'checkpoint' });
    expect(Object.keys(grouped.errors)).toEqual(['lost']);
  });
});

describe('what is wrong is said at its field', () => {
  const empty = { host: '', compute: '', protocol: 'tcp' };
  it.each<[string, Partial<ComputeForm>, Record<string, string>]>([
    ['no name', { name: '' }, { name: 'Must not be empty.' }],
    ['a bad name', { name: 'Web' }, { name: 'Must be lower-case letters, digits and inner hyphens.' }],
    [
      'a name like an id',
      { name: 'cmp_1' },
      { name: 'Must be lower-case letters, digits and inner hyphens.' },
    ],
    ['no image', { image: '' }, { image: 'Choose an image.' }],
    ['an open quote', { command: `sh "a` }, { command: 'A quote is not closed.' }],
    ['no size', { memory: 'much' }, { memory: 'A size such as 256m or 1g.' }],
    ['too little memory', { memory: '1m' }, { memory: 'At least 6 MiB.' }],
    ['no processors', { cpus: '0' }, { cpus: 'More than 0.' }],
    ['no number', { pids: 'x' }, { pids: 'A number.' }],
    [
      'a low port',
      { ports: [empty, { ...empty, host: '80', compute: '80' }] },
      { 'ports.1.host': 'At least 1024.' },
    ],
    ['half a port', { ports: [{ ...empty, host: '8080' }] }, { 'ports.0.compute': 'A number.' }],
    [
      'a port twice',
      { ports: [1, 2].map((compute) => ({ ...empty, host: '8080', compute: String(compute) })) },
      { ports: 'Must name every host port once.' },
    ],
    [
      'a bad variable',
      { env: [{ key: '1A', value: '' }] },
      { 'env.0.key': 'Must be the name of a variable.' },
    ],
    [
      'a variable twice',
      {
        env: [
          { key: 'A', value: '1' },
          { key: 'A', value: '2' },
        ],
      },
      { 'env.1.key': 'This name stands there already.' },
    ],
    [
      'a relative path',
      { volumes: [{ name: 'data', path: 'data' }] },
      { 'volumes.0.path': 'Must begin with /.' },
    ],
    [
      'a tmpfs without a size',
      { tmpfs: [{ path: '/tmp', size: '' }] },
      { 'tmpfs.0.size': 'A size such as 256m or 1g.' },
    ],
    [
      'a check without a command',
      { check: { ...check, command: '' } },
      { 'check.command': 'Must not be empty.' },
    ],
    ['a check that never runs', { check: { ...check, interval: '0' } }, { 'check.interval': 'At least 1.' }],
  ])('%s', (_name, over, errors) => {
    expect(readComputeForm({ ...good, ...over })).toEqual({ request: null, errors });
  });
});

it.each([
  [false, ['ports.0.host']],
  [true, ['name', 'ports.0.compute', 'ports.0.host']],
])('what is empty is wrong once it was sent: %s', (sent, fields) => {
  const form = { ...good, name: '', ports: [{ host: '80', compute: '', protocol: 'tcp' }] };
  expect(Object.keys(shownErrors(readComputeForm(form).errors, form, sent)).sort()).toEqual(fields);
});

it('is, of a compute, what the compute has', () => {
  const settings = {
    ...{ memoryBytes: 3 * 2 ** 28, cpus: 0.5, pids: 10, labels: { a: '1' } },
    restartPolicy: { name: 'on-failure', maximumRetries: 2 },
    healthCheck: {
      command: ['sh', '-c', 'a b'],
      intervalSeconds: 1,
      timeoutSeconds: 2,
      retries: 3,
      startPeriodSeconds: 4,
    },
  } as unknown as Compute;
  const { request } = readSettingsForm(settingsFormOf(settings), { labels: { a: '1' }, hasCheck: true });
  expect(request).toEqual(settings);
});

describe('a change', () => {
  it.each([
    [
      'takes labels away that are gone',
      emptySettings(),
      { labels: { a: '1' }, hasCheck: false },
      { labels: { a: null } },
    ],
    ['takes the check away', emptySettings(), { labels: {}, hasCheck: true }, { healthCheck: null }],
    [
      'sets what was typed',
      { ...emptySettings(), memory: '64m' },
      { labels: {}, hasCheck: false },
      { memoryBytes: 2 ** 26 },
    ],
  ])('%s', (_name, form, before, expected) => {
    expect(readSettingsForm(form, before).request).toMatchObject(expected);
  });
});
