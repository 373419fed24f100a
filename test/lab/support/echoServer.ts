/**
 * Runs on the client host: answers what comes to HOST:PORT with the same, and tells on standard output, for every line that
 * it reads, how many connections there were, and how many lines of how many numbers in a row have come over the last.
 */
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { stdin, stdout } from 'node:process';

const [host = '', port] = process.argv.slice(2);
let [connections, lines, gaps, open, peer] = [0, 0, 0, 0, ''];
const server = createServer((socket) => {
  connections += 1;
  open += 1;
  lines = 0;
  peer = socket.remoteAddress ?? '';
  socket.on('error', () => {});
  socket.on('close', () => (open -= 1));
  socket.on('data', (chunk) => socket.write(chunk));
  createInterface({ input: socket }).on('line', (line) => (gaps += Number(line) === (lines += 1) ? 0 : 1));
});
server.listen(Number(port), host, () => stdout.write('listening\n'));
createInterface({ input: stdin })
  .on('line', () => stdout.write(`${JSON.stringify({ connections, open, lines, gaps, peer })}\n`))
  .on('close', () => process.exit());
