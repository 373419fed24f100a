import { describe, expect, it } from 'vitest';
import { type AppManifest, publishedOf, readAppManifest, runtimeOf } from './appManifest.ts';
import { RefusedError } from './cause.ts';

const START = ['node', 'server.js'];

function refusalOf(action: () => unknown): { codes: string[]; words: string } {
  try {
    action();
  } catch (error) {
    if (error instanceof RefusedError)
      return {
        codes: [...new Set(error.causes.map(({ code }) => code))],
        words: error.causes.map(({ message, mend }) => `${message} ${mend}`).join('\n'),
      };
    throw error;
  }
  throw new Error('it was taken');
}

describe('readAppManifest', () => {
  it('reads all that may be said', () => {
    const text = JSON.stringify({
      ...{ name: 'shop', runtime: 'node', start: START, memory: '256m', cpus: 0.5, env: { A: '$(b); c' } },
      ports: [
        { compute: 8080, host: 18_080 },
        { compute: 53, protocol: 'udp' },
      ],
    });
    expect(readAppManifest(text)).toEqual({
      ...{ name: 'shop', runtime: 'node', start: START, memory: 256 * 2 ** 20, cpus: 0.5 },
      env: { A: '$(b); c' },
      ports: [
        { compute: 8080, host: 18_080, protocol: 'tcp' },
        { compute: 53, protocol: 'udp' },
      ],
    });
  });

  it('publishes the ports that have a host port, each once', () => {
    const ports = (list: object[]) => readAppManifest(JSON.stringify({ start: START, ports: list })).ports;
    expect(publishedOf(ports([{ compute: 80, host: 8080 }, { compute: 81 }]))).toEqual([
      { compute: 80, host: 8080, protocol: 'tcp' },
    ]);
    const twice = [80, 81].map((compute) => ({ compute, host: 8080 }));
    expect(refusalOf(() => ports(twice)).codes).toEqual(['badManifest']);
    expect(refusalOf(() => ports([{ compute: 80, host: 80 }])).codes).toEqual(['badManifest']);
  });

  it('needs no more than a start', () => {
    expect(readAppManifest(JSON.stringify({ start: START }))).toEqual({ start: START, ports: [], env: {} });
  });

  const shell: [string, unknown][] = [
    ['a line', 'node server.js'],
    ['a second command', ['node', 'server.js; rm -rf /']],
    ['a second command behind and', ['node', 'a', '&&', 'b']],
    ['a pipe', ['node', '|', 'tee']],
    ['a substitution', ['node', '$(id)']],
    ['a substitution in backticks', ['node', '`id`']],
    ['a variable', ['node', '${HOME}']],
    ['a redirection', ['node', 'server.js', '>/etc/passwd']],
    ['a shell', ['sh', '-c', 'node server.js']],
    ['a shell by its path', ['/bin/bash', 'run.sh']],
  ];
  it.each(shell)('refuses %s', (_what, start) => {
    const { codes, words } = refusalOf(() => readAppManifest(JSON.stringify({ start })));
    expect(codes).toEqual(['shellInManifest']);
    expect(words).toContain('start');
    expect(words).toContain('list of words');
  });

  const wrong: [string, string][] = [
    ['no JSON', '{"start": '],
    ['a list', '[]'],
    ['nothing', '{}'],
    ['an empty start', '{"start": []}'],
    ['an empty word', '{"start": ["node", ""]}'],
    ['a control character', JSON.stringify({ start: ['node', 'a\u0007b'] })],
    ['a line break', JSON.stringify({ start: ['node', 'a\nb'] })],
    ['a word of 10,000 characters', JSON.stringify({ start: ['x'.repeat(10_000)] })],
    ['a number', '{"start": [1]}'],
    ['another runtime', JSON.stringify({ start: START, runtime: 'perl' })],
    ['a key that is not known', JSON.stringify({ start: START, privileged: true })],
    ['a port that is none', JSON.stringify({ start: START, ports: [{ compute: 65_536 }] })],
    ['a variable that is none', JSON.stringify({ start: START, env: { 'A B': 'c' } })],
    ['too little memory', JSON.stringify({ start: START, memory: '1m' })],
    ['a name with control characters', JSON.stringify({ start: START, name: 'a\u001bb' })],
    ['a name of 10,000 characters', JSON.stringify({ start: START, name: 'a'.repeat(10_000) })],
    ['an emoji for a name', JSON.stringify({ start: START, name: '🚢' })],
  ];
  it.each(wrong)('refuses %s, with the mend', (_what, text) => {
    const { codes, words } = refusalOf(() => readAppManifest(text));
    expect(codes).toEqual(['badManifest']);
    expect(words).toContain('drayage.json');
    // What a person reads is short, and nothing of it acts upon a terminal.
    expect(words.length).toBeLessThan(2000);
    expect(words).not.toMatch(/[^\P{Cc}\n]/u);
  });

  it('refuses that there is none', () => {
    expect(refusalOf(() => readAppManifest(null)).codes).toEqual(['noManifest']);
  });
});

describe('runtimeOf', () => {
  const manifest = (runtime?: AppManifest['runtime']): AppManifest => ({
    ...{ start: START, ports: [], env: {} },
    ...(runtime ? { runtime } : {}),
  });

  it('is what either says, or both', () => {
    expect(runtimeOf('python', manifest())).toBe('python');
    expect(runtimeOf(undefined, manifest('node'))).toBe('node');
    expect(runtimeOf('node', manifest('node'))).toBe('node');
  });

  it('is refused when they differ, and when neither says it', () => {
    expect(refusalOf(() => runtimeOf('python', manifest('node'))).codes).toEqual(['runtimeMismatch']);
    expect(refusalOf(() => runtimeOf(undefined, manifest())).codes).toEqual(['noRuntime']);
  });
});
