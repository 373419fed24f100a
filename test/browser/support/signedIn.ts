import { signInBrowser } from '../../../lab/chromium.ts';
import { ADMIN } from '../../integration/support/admin.ts';
import { PASSWORD } from '../../integration/support/people.ts';
import type { TestPage } from './browser.ts';

/** Makes an account with a tenant of that name, and signs this browser in; without going through the pages. */
export async function signUp(
  { context }: TestPage,
  name: string,
): Promise<{ email: string; tenantId: string }> {
  const email = `${name}@example.org`;
  const answer = await context.request.post('/api/v1/auth/register', {
    data: { email, password: PASSWORD, tenant: name, session: 'cookie' },
  });
  if (!answer.ok()) throw new Error(`${email} could not register: ${await answer.text()}`);
  const { account } = (await answer.json()) as { account: { tenants: { id: string }[] } };
  return { email, tenantId: account.tenants[0]?.id ?? '' };
}

/** Signs this browser in as the operator. */
export function signInAsOperator({ context }: TestPage): Promise<void> {
  return signInBrowser(context, ADMIN);
}
