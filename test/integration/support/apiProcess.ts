import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ADMIN } from './admin.ts';

const PROGRAM = fileURLToPath(new URL('../../../workers/api.ts', import.meta.url));

export interface ApiProcess {
  /** Of the user's API, e.g. http://127.0.0.1:41234. */
  url: string;
  pid: number;
  /** Ends it as a power cut would, and waits for that. */
  kill(): Promise<void>;
  /** Ends it in order. */
  stop(): Promise<void>;
}

/** Starts an API process on a database; without a port it takes a free one. Temporal is away. */
export async function startApiProcess(
  databaseUrl: string,
  dataDir: string,
  port = '0',
  environment: Record<string, string> = {},
): Promise<ApiProcess> {
  // Tests that are killed cannot end it: the kernel does.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath, PROGRAM], {
    env: {
      PATH: process.env['PATH'],
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      DATABASE_URL: databaseUrl,
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      DRAYAGE_DATA_DIR: dataDir,
      DRAYAGE_API_LISTEN: `127.0.0.1:${port}`,
      DRAYAGE_DEVICE_LISTEN: '127.0.0.1:0',
      DRAYAGE_ADMIN_EMAIL: ADMIN.email,
      DRAYAGE_ADMIN_PASSWORD: ADMIN.password,
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await new Promise((resolve) => child.once('exit', resolve));
  };
  return {
    url: await addressOf(child),
    pid: child.pid ?? 0,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  };
}

/** Its address, from its log, once it listens. */
async function addressOf(child: ChildProcess): Promise<string> {
  let words = '';
  child.stderr?.on('data', (chunk: Buffer) => (words += chunk.toString()));
  for await (const line of createInterface({ input: child.stdout! })) {
    const url = /"url":"(?<url>http:[^"]+)".*the API is up/.exec(line)?.groups?.['url'];
    if (url === undefined) {
      words += `${line}\n`;
      continue;
    }
    // Whatever it says from now on must not fill its pipe.
    child.stdout!.resume();
    return url;
  }
  throw new Error(`the API did not start: ${words}`);
}

/** A token of the admin, by signing in. */
export async function signIn(url: string): Promise<string> {
  const response = await fetch(`${url}/api/v1/auth/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(ADMIN),
  });
  return ((await response.json()) as { token: string }).token;
}
