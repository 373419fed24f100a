import type { Client } from '../client/createClient.ts';
import type { Credentials } from './credentials.ts';

/** Options of a list of which one page is enough: as much as the API gives at once. */
export const ALL = { params: { query: { limit: 500 } } };

/** The API as who is signed in, about the tenant that DRAYAGE_TENANT names. @throws DrayageError notSignedIn */
export async function openClient(): Promise<Client> {
  const { loadCredentials } = await import('./credentials.ts');
  return clientFor(await loadCredentials());
}

/** The API as somebody, its answers checked. It brings much with it, so it comes when it is used. */
export async function clientFor(credentials: Credentials): Promise<Client> {
  const [{ createClient }, { answerCheck }] = await Promise.all([
    import('../client/createClient.ts'),
    import('../client/checkAnswer.ts'),
  ]);
  return createClient({ url: credentials.url, headers: headersFor(credentials), check: answerCheck() });
}

/** What every request says of who asks. */
export function headersFor({ token }: Credentials): Record<string, string> {
  const tenant = process.env['DRAYAGE_TENANT'];
  return {
    ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
    ...(tenant === undefined ? {} : { 'x-drayage-tenant': tenant }),
  };
}
