import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { listLabs } from '../../lab/state.ts';
import { patient } from './patience.ts';
import { ownLabName } from './support.ts';

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
/** The bases are built where the cache has none. */
const LONG_MS = 900_000;

interface Block {
  language: string;
  text: string;
}

/** The fenced blocks of a document, in order. */
function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', text = '']) => ({
    language,
    text,
  }));
}

const MARK = '----- block ';

/** All commands as one script for bash, in which each block is announced on both outputs. */
function scriptOf(blocks: Block[]): string {
  const parts = blocks.map(({ language, text }, index) =>
    language === 'sh' ? `echo '${MARK}${String(index)}'\necho '${MARK}${String(index)}' >&2\n${text}` : '',
  );
  return `set -e -o pipefail\n${parts.join('\n')}`;
}

/** What each block has written, by its place in the document. */
function outputsOf(stdout: string): Map<number, string> {
  const parts = stdout.split(MARK).slice(1);
  return new Map(
    parts.map((part) => {
      const end = part.indexOf('\n');
      return [Number(part.slice(0, end)), part.slice(end + 1)];
    }),
  );
}

const home = await mkdtemp(join(tmpdir(), 'drayage-tutorial-'));
afterAll(() => rm(home, { recursive: true, force: true }));

test(
  'the commands of the tutorial do what it says, and leave nothing',
  async () => {
    const lab = ownLabName('t');
    const blocks = blocksOf(await readFile(join(CHECKOUT, 'docs/tutorial.md'), 'utf8'));
    const env: NodeJS.ProcessEnv = { ...process.env, DRAYAGE_LAB: lab, XDG_CONFIG_HOME: home };
    for (const name of ['DRAYAGE_URL', 'DRAYAGE_TOKEN', 'DRAYAGE_TENANT']) delete env[name];
    const { code, stdout, stderr } = await bash(scriptOf(blocks), env);
    expect(code, stdout + stderr).toBe(0);
    const outputs = outputsOf(stdout);
    // A text block shows what the commands before it write, other lines left out.
    let shown = 0;
    for (const [index, { language, text }] of blocks.entries()) {
      if (language !== 'text') continue;
      shown += 1;
      const lines = (outputs.get(index - 1) ?? '')
        .split('\n')
        .filter((line) => text.split('\n').includes(line));
      expect(lines.join('\n').trim()).toBe(text.trim());
    }
    expect(shown).toBeGreaterThan(0);
    expect(await listLabs()).not.toContain(lab);
  },
  patient(LONG_MS),
);

function bash(
  script: string,
  env: NodeJS.ProcessEnv,
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      'bash',
      ['-s'],
      { cwd: CHECKOUT, env, maxBuffer: 16 * 2 ** 20 },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
      },
    );
    child.stdin?.end(script);
  });
}
