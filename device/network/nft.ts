import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { text } from 'node:stream/consumers';

const run = promisify(execFile);
/** A table of all the connections that a device steers, bytes. */
const MOST_LISTED = 64 * 2 ** 20;

/** Has the kernel take a script of nft over, all of it or nothing. @throws with nft's own words */
export async function nft(script: string): Promise<void> {
  const child = spawn('nft', ['-f', '-'], { stdio: ['pipe', 'ignore', 'pipe'] });
  child.stdin.on('error', () => undefined);
  child.stdin.end(script);
  const [code, said] = await Promise.all([
    new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve)),
    text(child.stderr),
  ]);
  if (code !== 0) throw new Error(said.trim().slice(0, 500));
}

/** What the kernel has of a table, as nft's JSON; null when there is none. @throws with nft's own words */
export async function listTable(table: string): Promise<unknown> {
  try {
    const { stdout } = await run('nft', ['-j', 'list', 'table', ...table.split(' ')], {
      maxBuffer: MOST_LISTED,
    });
    return JSON.parse(stdout);
  } catch (error) {
    if (String((error as { stderr?: string }).stderr).includes('No such file or directory')) return null;
    throw error;
  }
}
