import type { Command } from 'commander';
import type { Answer, Client } from '../../client/createClient.ts';
import { registerRequestSchema } from '../../core/api/auth.ts';
import { askPassword } from '../askPassword.ts';
import { clientFor } from '../client.ts';
import { knownUrl, saveCredentials } from '../credentials.ts';
import { usageError } from '../exit.ts';
import { type JsonFlag, leaf, print } from '../output.ts';

interface AccountFlags extends JsonFlag {
  url?: string;
  email: string;
}

/** `drayage register`; keeps a token for the commands after it, as `login` does. */
export function defineRegister(command: Command): void {
  leaf(command)
    .option('--url <url>', 'of the control plane, e.g. http://127.0.0.1:7480; without it the one in use')
    .requiredOption('--email <email>', 'of the account')
    .option('--tenant <name>', 'name of your own tenant; without it one is made of the email')
    .option('--invitation <secret>', 'join the tenant that invited you instead')
    .action(async (flags: AccountFlags & { tenant?: string; invitation?: string }) => {
      const { email, tenant, invitation } = flags;
      await signIn(flags, (client, password) => {
        const asked = registerRequestSchema.safeParse({ email, password, tenant, invitation });
        if (asked.success) return client.post('/auth/register', { body: asked.data });
        const [issue] = asked.error.issues;
        throw usageError(
          `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}.`,
          'Change it and try again.',
        );
      });
    });
}

/** `drayage login` */
export function defineLogin(command: Command): void {
  leaf(command)
    .option('--url <url>', 'of the control plane, e.g. http://127.0.0.1:7480; without it the one in use')
    .requiredOption('--email <email>', 'of the account')
    .action((flags: AccountFlags) =>
      signIn(flags, (client, password) =>
        client.post('/auth/sign-in', { body: { email: flags.email, password, session: 'token' } }),
      ),
    );
}

async function signIn(
  flags: AccountFlags,
  ask: (client: Client, password: string) => Promise<Answer<'/auth/sign-in', 'post'>>,
): Promise<void> {
  const url = flags.url ?? (await knownUrl());
  if (url === undefined) throw usageError('Which control plane?', 'Say `--url URL`, or set DRAYAGE_URL.');
  if (!URL.canParse(url)) throw usageError(`${url} is not a URL.`, 'Give one such as http://127.0.0.1:7480.');
  const password = process.env['DRAYAGE_PASSWORD'] ?? (await askPassword('Set DRAYAGE_PASSWORD.'));
  const { token = '', account, expiresAt } = await ask(await clientFor({ url, token: '' }), password);
  await saveCredentials({ url, token, email: account.email });
  print(flags, { url, email: account.email, expiresAt }, () => `signed in at ${url} as ${account.email}`);
}
