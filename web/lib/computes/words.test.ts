import { describe, expect, it } from 'vitest';
import { commandWords, cpuWords, memoryWords, portUrl, portWords, restartWords } from './words.ts';

const tcp = { host: 18_080, compute: 8080, protocol: 'tcp' as const };

describe('words', () => {
  it.each([
    [portWords(tcp), '18080 → 8080/tcp'],
    [portUrl(tcp, '10.0.0.7:7444'), 'http://10.0.0.7:18080'],
    [portUrl(tcp, '[fd00::7]:7444'), 'http://[fd00::7]:18080'],
    [portUrl({ ...tcp, protocol: 'udp' }, '10.0.0.7:7444'), null],
    [portUrl(tcp, 'nonsense'), null],
    [memoryWords(2 ** 28), '256 MiB'],
    [memoryWords(undefined), 'No limit'],
    [memoryWords(null), 'No limit'],
    [cpuWords(0.5), '0.5 CPUs'],
    [cpuWords(1), '1 CPU'],
    [cpuWords(null), 'No limit'],
    [commandWords(['node', 'server.js', '--port=1']), 'node server.js --port=1'],
    [commandWords(['sh', '-c', "echo 'a b'"]), `sh -c 'echo '\\''a b'\\'''`],
    [restartWords({ name: 'no', maximumRetries: 0 }), 'Never'],
    [restartWords({ name: 'on-failure', maximumRetries: 3 }), 'When it fails, 3 times at most'],
    [restartWords({ name: 'on-failure', maximumRetries: 0 }), 'When it fails'],
  ])('%s', (text, expected) => {
    expect(text).toBe(expected);
  });
});
