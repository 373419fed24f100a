import { apiWithToken, type ControlApi } from '../../../lab/controlApi.ts';
import { z } from 'zod';
import type { TestLab } from '../support.ts';

const registeredSchema = z.object({ token: z.string() });

/** The API as an account that has nothing to do with the lab's admin, with a tenant of its own. */
export async function secondTenant(lab: TestLab, email = 'other@example.org'): Promise<ControlApi> {
  const account = { email, password: 'another horse battery' };
  const registered = await (await lab.api()).request('POST', '/auth/register', account);
  return apiWithToken(lab.lab, registeredSchema.parse(registered).token);
}
