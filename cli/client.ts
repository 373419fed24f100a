import { answerCheck } from '../client/checkAnswer.ts';
import { type Client, createClient } from '../client/createClient.ts';
import { type Credentials, loadCredentials } from './credentials.ts';

/** Options of a list of which one page is enough: as much as the API gives at once. */
export const ALL = { params: { query: { limit: 500 } } };

/** The API as who is signed in, about the tenant that DRAYAGE_TENANT names. @throws DrayageError notSignedIn */
export async function openClient(): Promise<Client> {
  return clientFor(await loadCredentials());
}

export function clientFor(credentials: Credentials): Client {
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
