import { type Client, createClient } from '../../../client/createClient.ts';
import { ProblemError } from '../../../client/problemError.ts';

/** By it a request names the tenant that it is about. */
export const TENANT_HEADER = 'x-drayage-tenant';

/**
 * The API that served this page, asked as a member of one tenant; the session is the browser's cookie. `onSignedOut` is told
 * when an answer says that there is none any more.
 */
export function clientFor(tenantId: string | null, onSignedOut: () => void): Client {
  const headers: Record<string, string> = tenantId === null ? {} : { [TENANT_HEADER]: tenantId };
  const client = createClient({ url: location.origin, headers });
  const watched = <Ask extends (...args: never[]) => Promise<unknown>>(ask: Ask): Ask =>
    ((...args: never[]) =>
      ask(...args).catch((error: unknown) => {
        if (isSignedOut(error)) onSignedOut();
        throw error;
      })) as Ask;
  return {
    get: watched(client.get),
    post: watched(client.post),
    put: watched(client.put),
    patch: watched(client.patch),
    delete: watched(client.delete),
    open: watched(client.open.bind(client)),
  };
}

function isSignedOut(error: unknown): boolean {
  return error instanceof ProblemError && error.problem.causes.some(({ code }) => code === 'notSignedIn');
}
