import { type Browser, type BrowserContext, chromium } from 'playwright-core';
import { DrayageError } from '../core/cause.ts';
import { exists } from '../device/exists.ts';

/** Debian's; another one by its path. */
const CHROMIUM = process.env['DRAYAGE_CHROMIUM'] ?? '/usr/bin/chromium';

/** Starts a browser that shows nothing. @throws DrayageError noBrowser */
export async function launchChromium(args: readonly string[] = []): Promise<Browser> {
  if (!(await exists(CHROMIUM))) {
    throw new DrayageError({
      code: 'noBrowser',
      message: `There is no Chromium at ${CHROMIUM}.`,
      mend: 'Install it (Debian: apt install chromium), or set DRAYAGE_CHROMIUM to where it is.',
    });
  }
  // As root it has no sandbox; what it shows is this checkout's own.
  const root = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath: CHROMIUM, args: [...root, ...args] });
}

/** Signs an account in for all pages of a context, whose `baseURL` is the API's. @throws Error with the API's answer */
export async function signInBrowser(
  context: BrowserContext,
  account: { email: string; password: string } | null,
): Promise<void> {
  const answer = await context.request.post('/api/v1/auth/sign-in', {
    data: { ...account, session: 'cookie' },
  });
  if (!answer.ok())
    throw new Error(`${account?.email ?? 'Nobody'} could not sign in: ${await answer.text()}`);
}
