import type { FastifyReply } from 'fastify';
import { DrayageError } from '../../core/cause.ts';
import { type Account, accountByEmail } from '../../db/accounts.ts';
import { addEvent } from '../../db/events.ts';
import { countFailure, forgetFailures, lockedFor } from '../../db/signInFailures.ts';
import { membershipsOf } from '../../db/tenants.ts';
import { createToken } from '../../db/tokens.ts';
import type { Me } from '../../core/api/auth.ts';
import { type ApiContext, freshId } from '../context.ts';
import { SESSION_COOKIE } from '../plugins/auth.ts';
import { hashSecret, newSecret, verifyPassword } from '../secrets.ts';

const SESSION_SECONDS = 30 * 86_400;

/**
 * The account of an email and password. An email is locked for a while after too many wrong passwords in a row, be there such
 * an account or not. @throws DrayageError signInRefused, signInLocked
 */
export async function checkPassword(context: ApiContext, email: string, password: string): Promise<Account> {
  const { db } = context;
  const emailHash = hashSecret(email);
  const locked = await lockedFor(db, emailHash);
  if (locked > 0) {
    throw new DrayageError({
      code: 'signInLocked',
      message: 'Too many wrong passwords for this email.',
      mend: `Try again in ${String(locked)} s.`,
    });
  }
  const account = await accountByEmail(db, email);
  const right = await verifyPassword(password, account?.passwordHash ?? null);
  if (account && right) {
    await forgetFailures(db, emailHash);
    return account;
  }
  await countFailure(db, emailHash);
  throw new DrayageError({
    code: 'signInRefused',
    message: 'Email or password is wrong.',
    mend: "The first account is in admin.json in the control plane's data directory; `drayage lab status --json` shows it.",
  });
}

/** Begins a session: in a cookie that no script can read, or as a secret in the answer. */
export async function beginSession(
  context: ApiContext,
  account: Account,
  session: 'cookie' | 'token',
  reply: FastifyReply,
): Promise<{ account: Me; expiresAt: string; token?: string }> {
  const { db } = context;
  const secret = `drs_${newSecret()}`;
  const { id, email } = account;
  const values = { accountId: id, secretHash: hashSecret(secret), lifeSeconds: SESSION_SECONDS };
  const row = await db.transaction(async (tx) => {
    const made = await createToken(tx, {
      ...values,
      ...{ id: freshId('token'), kind: 'session', name: session },
    });
    const message = `${email} signed in.`;
    await addEvent(tx, { type: 'account.signedIn', subject: id, actor: id, message });
    return made;
  });
  if (session === 'cookie') setSessionCookie(reply, secret, reply.request.protocol === 'https');
  const expiresAt = (row.expiresAt ?? new Date()).toISOString();
  return {
    account: await meOf(context, account),
    expiresAt,
    ...(session === 'token' ? { token: secret } : {}),
  };
}

/** An account as it sees itself. */
export async function meOf(
  { db, config }: ApiContext,
  { id, email, role }: Pick<Account, 'id' | 'email' | 'role'>,
): Promise<Me> {
  // Everybody's workflows are there.
  const temporalUi = role === 'operator' ? config.temporalUi : null;
  return { id, email, role, tenants: await membershipsOf(db, id), temporalUi };
}

function setSessionCookie(reply: FastifyReply, secret: string, secure: boolean): void {
  void reply.setCookie(SESSION_COOKIE, secret, {
    path: '/',
    httpOnly: true,
    sameSite: 'lax',
    secure,
    maxAge: SESSION_SECONDS,
  });
}
