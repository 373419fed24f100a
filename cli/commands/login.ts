import type { Command } from 'commander';
import { signInResponseSchema } from '../../core/api/auth.ts';
import { createClient } from '../client.ts';
import { saveCredentials } from '../credentials.ts';
import { usageError } from '../exit.ts';
import { type JsonFlag, print, subcommand } from '../output.ts';

/** `drayage login`: keeps a token for the commands after it. */
export function registerLogin(program: Command): void {
  subcommand(program, 'login', 'sign in; the password is asked for, or DRAYAGE_PASSWORD')
    .requiredOption('--url <url>', 'of the control plane, e.g. http://127.0.0.1:7480')
    .requiredOption('--email <email>', 'of the account')
    .action(async (flags: JsonFlag & { url: string; email: string }) => {
      if (!URL.canParse(flags.url))
        throw usageError(`${flags.url} is not a URL.`, 'Give one such as http://127.0.0.1:7480.');
      const password = process.env['DRAYAGE_PASSWORD'] ?? (await askPassword());
      const client = createClient({ url: flags.url, token: '' });
      const body = { email: flags.email, password, session: 'token' };
      const {
        token = '',
        account,
        expiresAt,
      } = await client.request('POST', '/auth/sign-in', signInResponseSchema, { body });
      await saveCredentials({ url: flags.url, token, email: account.email });
      print(
        flags,
        { url: flags.url, email: account.email, expiresAt },
        () => `signed in at ${flags.url} as ${account.email}`,
      );
    });
}

/** Reads a line from the terminal without showing it. */
async function askPassword(): Promise<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY)
    throw usageError('There is no terminal to ask for the password.', 'Set DRAYAGE_PASSWORD.');
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
