import { usageError } from './exit.ts';

/** Reads a line from the terminal without showing it. `otherwise` says what to do where there is none. */
export async function askPassword(otherwise: string): Promise<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) throw usageError('There is no terminal to ask for the password.', otherwise);
  stderr.write('Password: ');
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  let line = '';
  try {
    for await (const chunk of stdin as AsyncIterable<string>) {
      for (const character of chunk) {
        if (character === '\r' || character === '\n') return line;
        if (character === '\u0003') throw usageError('Interrupted.', '');
        line = character === '\u007f' ? line.slice(0, -1) : line + character;
      }
    }
    return line;
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write('\n');
  }
}
