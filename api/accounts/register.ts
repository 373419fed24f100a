import { randomBytes } from 'node:crypto';
import type { RegisterRequest } from '../../core/api/auth.ts';
import { DrayageError } from '../../core/cause.ts';
import { type Account, createAccount, getAccount } from '../../db/accounts.ts';
import type { Database } from '../../db/database.ts';
import { addEvent } from '../../db/events.ts';
import { acceptInvitation } from '../../db/invitations.ts';
import { createTenant } from '../../db/tenants.ts';
import { type ApiContext, freshId } from '../context.ts';
import { hashPassword, hashSecret } from '../secrets.ts';

/**
 * Makes an account, with a tenant of its own or a place in the one that it was invited to; all or nothing.
 * @throws DrayageError registrationClosed, emailTaken, nameTaken, invitationRefused
 */
export async function register(context: ApiContext, request: RegisterRequest): Promise<Account> {
  const { db, config } = context;
  const { email, password, tenant, invitation } = request;
  if (invitation === undefined && config.registration !== 'open') throw closed(config.registration);
  if (invitation !== undefined && config.registration === 'closed') throw closed('closed');
  const passwordHash = await hashPassword(password);
  return db.transaction(async (tx) => {
    const id = freshId('user');
    if (!(await createAccount(tx, { id, email, passwordHash, role: 'user' }))) throw emailTaken(email);
    if (invitation !== undefined)
      await acceptInvitation(tx, hashSecret(invitation), { accountId: id, email });
    else await ownTenant(tx, id, email, tenant);
    await addEvent(tx, {
      type: 'account.registered',
      subject: id,
      actor: id,
      message: `${email} registered.`,
    });
    return getAccount(tx, id);
  });
}

async function ownTenant(tx: Database, owner: string, email: string, name?: string): Promise<void> {
  const make = (called: string) => createTenant(tx, { id: freshId('tenant'), name: called, owner });
  if (name !== undefined) {
    await make(name);
    return;
  }
  const wanted = nameOf(email);
  try {
    // A transaction within: a name that is taken must not end the one around it.
    await make(wanted);
  } catch (error) {
    if (!(error instanceof DrayageError) || error.cause_.code !== 'nameTaken') throw error;
    await make(`${wanted}-${randomBytes(3).toString('hex')}`);
  }
}

/** What stands before the @, as the name of a tenant. */
function nameOf(email: string): string {
  const [local = ''] = email.split('@');
  const plain = local
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 40)
    .replace(/-+$/, '');
  return plain === '' ? 'tenant' : plain;
}

const CLOSED = {
  invitation: {
    message: 'Here one registers by invitation only.',
    mend: 'Ask an owner of a tenant to invite you.',
  },
  closed: {
    message: 'Nobody can register here any more.',
    mend: 'Ask the operator of this installation.',
  },
};

function closed(how: keyof typeof CLOSED): DrayageError {
  return new DrayageError({ code: 'registrationClosed', ...CLOSED[how] });
}

function emailTaken(email: string): DrayageError {
  return new DrayageError({
    code: 'emailTaken',
    message: `There is an account for ${email} already.`,
    mend: 'Sign in, or use another email.',
  });
}
