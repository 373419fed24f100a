import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('../drayage.sh', import.meta.url));
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drayage-bash-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/**
 * What bash itself makes of each line, with `drayage` from the folder and no package beside bash: an interactive one is
 * given the line and Tab twice by its own `bind`, and its function's answer is caught.
 */
async function completeInBash(...lines: string[]): Promise<string[][]> {
  const script = `
    source <(drayage completion bash)
    catch() { _drayage "$@"; printf '%s|' "\${COMPREPLY[@]}" >&3; echo >&3; }
    complete -F catch drayage
  `;
  const rc = join(folder, 'rc');
  const answers = join(folder, 'answers');
  await writeFile(rc, `PS1=\nexec 3>>'${answers}'\n${script}`);
  await writeFile(answers, '');
  const env = { PATH: `${folder}:${process.env['PATH'] ?? ''}`, HOME: folder, TERM: 'dumb' };
  const child = run('bash', ['--noprofile', '--rcfile', rc, '-i', '-o', 'emacs'], { env, timeout: 100_000 });
  // Ctrl-U empties the line after each.
  child.child.stdin?.end(`${lines.map((line) => `${line}\t\u0015`).join('')}exit 0\n`);
  await child;
  const { stdout } = await run('cat', [answers]);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split('|').filter((word) => word !== ''));
}

describe('the script for bash', () => {
  it('completes commands, options and values, also behind = and :', async () => {
    await symlink(PROGRAM, join(folder, 'drayage'));
    expect(
      await completeInBash(
        'drayage devi',
        'drayage compute create --healt',
        'drayage compute create --restart=on-',
        'drayage app upload ./x --runtime ',
      ),
    ).toEqual([
      ['device'],
      ['--health', '--health-interval', '--health-timeout', '--health-retries', '--health-start-period'],
      ['on-failure'],
      ['node', 'python'],
    ]);
  }, 120_000);

  it('asks for whole words, and gives bash what is behind the last : or =', async () => {
    const asked = join(folder, 'asked');
    const answers = "printf 'shop:1.2\\tan image\\nshop:1.3\\t\\n--image=shop:1.2\\t\\n'";
    await writeFile(
      join(folder, 'drayage'),
      `#!/bin/sh
if [ "$1" = completion ]; then cat '${fileURLToPath(new URL('drayage.bash', import.meta.url))}'; exit; fi
shift 2; for word; do printf '%s|' "$word"; done >> '${asked}'; echo >> '${asked}'
for last; do :; done
${answers} | grep -e "^$last"
`,
      { mode: 0o755 },
    );
    expect(
      await completeInBash(
        'drayage image rm shop:',
        'drayage compute create --image=shop:',
        'drayage compute create --env A=b:c --image shop:',
      ),
    ).toEqual([['1.2', '1.3'], ['1.2'], ['1.2', '1.3']]);
    expect((await run('cat', [asked])).stdout).toBe(
      'image|rm|shop:|\ncompute|create|--image=shop:|\ncompute|create|--env|A=b:c|--image|shop:|\n',
    );
  }, 60_000);
});
