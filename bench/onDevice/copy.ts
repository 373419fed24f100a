/**
 * Runs on a device: copies bytes to another one over plain TCP, as fast as the link carries them.
 *   node bench/onDevice/copy.ts receive PORT COMMAND...      COMMAND reads them from its input
 *   node bench/onDevice/copy.ts send HOST PORT COMMAND...    once a line comes in; COMMAND writes them to its output
 * Both say `ready` when they wait, so that the start of the program is no part of what is measured, and `done` once the
 * receiver's command has ended well. The end of the input ends them.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

const [mode, ...rest] = process.argv.slice(2);

async function ended(child: ChildProcess): Promise<void> {
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${child.spawnfile} ended with ${code}`);
}

async function receive([port = '', file = '', ...args]: string[]): Promise<void> {
  const server = createServer({ allowHalfOpen: true });
  const connection = once(server, 'connection');
  server.listen(Number(port), () => process.stdout.write('ready\n'));
  const [socket] = (await connection) as [Socket];
  server.close();
  const command = spawn(file, args, { stdio: ['pipe', 'inherit', 'inherit'] });
  const { stdin } = command;
  // tar ends with the archive, which padding follows: of what a command no longer takes its exit code says whether it matters.
  stdin.on('error', () => {}).once('close', () => socket.unpipe(stdin).resume());
  socket.pipe(stdin);
  await Promise.all([once(socket, 'end'), ended(command)]);
  socket.end('done');
}

async function send([host = '', port = '', file = '', ...args]: string[]): Promise<void> {
  process.stdout.write('ready\n');
  await once(process.stdin, 'data');
  const command = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const socket = connect({ host, port: Number(port), allowHalfOpen: true });
  let answer = '';
  socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
  const closed = once(socket, 'end');
  const end = ended(command);
  for await (const chunk of command.stdout as AsyncIterable<Buffer>)
    if (!socket.write(chunk)) await once(socket, 'drain');
  await end;
  socket.end();
  await closed;
  if (answer !== 'done') throw new Error('the receiver did not take all of it');
}

process.stdin.on('end', () => process.exit(1)).resume();
await (mode === 'receive' ? receive(rest) : send(rest));
process.stdout.write('done\n');
process.exit(0);
