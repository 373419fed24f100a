import { beforeAll, describe, expect, it } from 'vitest';
import type { Command } from 'commander';
import { WITHHELD_CAPABILITIES } from '../../core/compute.ts';
import { restartPolicy } from '../parse.ts';
import { buildProgram } from '../program.ts';
import { candidatesOf } from './answerShell.ts';
import { complete } from './complete.ts';
import { CAPABILITIES, POLICIES } from './fixedValues.ts';

let program: Command;
beforeAll(async () => {
  program = await buildProgram('all');
}, 60_000);

const values = (...words: string[]) => complete(program, words).candidates.map(({ value }) => value);

describe('complete', () => {
  it.each([
    [['comp'], ['compute', 'completion']],
    [
      ['help', 'mig'],
      ['migrate', 'migration'],
    ],
    [['device', 'un'], ['uncordon']],
    [['device', 'help', 'jo'], []],
    [['__'], []],
    [['nosuch', ''], []],
    [['device', 'ls', '--j'], ['--json']],
    [['device', 'ls', '--json', '--'], ['--help']],
    [
      ['device', 'ls', ''],
      ['--json', '--help'],
    ],
    [
      ['compute', 'create', '--he'],
      [
        '--health',
        '--health-interval',
        '--health-timeout',
        '--health-retries',
        '--health-start-period',
        '--help',
      ],
    ],
    [['compute', 'create', '--env', 'A=1', '--en'], ['--env']],
    [['compute', 'create', '--env', '--he'], []],
    [['compute', 'create', '--', 'sh', '--he'], []],
    [['compute', 'create', '--cap', 'M'], ['MKNOD']],
    [['compute', 'create', '--restart=on'], ['--restart=on-failure']],
    [['compute', 'create', '--detach=x'], []],
    [
      ['compute', 'exec', 'web', ''],
      ['--json', '--no-tty', '--help'],
    ],
    [['compute', 'exec', 'web', '--', 'ls', ''], []],
    [
      ['app', 'upload', '--runtime', ''],
      ['node', 'python'],
    ],
    [['runtime', 'set', 'py'], ['python']],
    [
      ['lab', 'kill', 'd1', '--part', 'd'],
      ['device', 'dockerd'],
    ],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
  ])('%j becomes one of %j', (words, expected) => {
    expect(values(...words)).toEqual(expected);
  });

  it.each([
    [['migrate', 'we'], { kind: 'compute', lead: '', typed: 'we' }],
    [['migrate', 'web', '--to', ''], { kind: 'device', lead: '', typed: '' }],
    [['migrate', '--to', 'd2', ''], { kind: 'compute', lead: '', typed: '' }],
    [['migrate', '--to=d'], { kind: 'device', lead: '--to=', typed: 'd' }],
    [['compute', 'show', '--json', '--', 'we'], { kind: 'compute', lead: '', typed: 'we' }],
    [['runtime', 'set', 'node', 'b'], { kind: 'image', lead: '', typed: 'b' }],
    [['migration', 'abort', ''], { kind: 'migration', lead: '', typed: '' }],
    [['registry', 'rm', ''], { kind: 'registry', lead: '', typed: '' }],
    [['compute', 'show', 'web', ''], undefined],
    [['registry', 'add', ''], undefined],
  ])('%j asks for %j', (words, live) => {
    expect(complete(program, words).live).toEqual(live);
  });

  it('leaves files to the shell, and tells what an option is', () => {
    expect(complete(program, ['image', 'import', 'ro'])).toEqual({ candidates: [], paths: 'files' });
    expect(complete(program, ['migrate', '--dr']).candidates).toEqual([
      {
        value: '--dry-run',
        description: 'copy its memory but do not move it: tells what the freeze would cost',
      },
    ]);
  });

  it('knows the values that the options take', () => {
    expect([...CAPABILITIES].sort()).toEqual([...WITHHELD_CAPABILITIES].sort());
    for (const policy of POLICIES) expect(restartPolicy(policy).name).toBe(policy);
  });
});

describe('candidatesOf', () => {
  const all = [
    { name: 'web', id: 'cmp_1', about: 'running' },
    { name: 'db', id: 'cmp_2', about: '' },
  ];
  it.each([
    [all, '', ['web', 'db']],
    [all, 'w', ['web']],
    [all, 'cmp_', ['cmp_1', 'cmp_2']],
    [all, 'x', []],
    [[{ id: 'mig_1', about: '' }], '', ['mig_1']],
  ])('of %j with %j are %j', (named, typed, expected) => {
    expect(candidatesOf(named, typed).map(({ value }) => value)).toEqual(expected);
  });
});
