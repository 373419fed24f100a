import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('install-device.sh', import.meta.url));

function install(...words: string[]) {
  const { status, stdout, stderr } = spawnSync('sh', [SCRIPT, ...words], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('the install script of a device', () => {
  test('says what it takes', () => {
    const { status, stdout } = install('--help');
    expect(status).toBe(0);
    for (const option of [
      '--name',
      '--control-url',
      '--interface',
      '--address',
      '--gateway',
      '--bridge',
      '--link',
    ])
      expect(stdout).toMatch(new RegExp(`^ +${option} `, 'm'));
    expect(stdout).not.toContain('#');
  });

  test.each([
    [['--colour', 'red'], /no option '--colour'/],
    [['--name'], /--name needs a value/],
  ])('refuses %j with cause and mend', (words, cause) => {
    const { status, stderr } = install(...words);
    expect(status).toBe(1);
    expect(stderr).toMatch(cause);
    expect(stderr).toMatch(/See: sh .*--help/);
  });
});
