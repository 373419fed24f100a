import { access } from 'node:fs/promises';
import { type Browser, chromium } from 'playwright-core';
import { DrayageError } from '../core/cause.ts';

/** Debian's; another one by its path. */
const CHROMIUM = process.env['DRAYAGE_CHROMIUM'] ?? '/usr/bin/chromium';

/** Starts a browser that shows nothing. @throws DrayageError noBrowser */
export async function launchChromium(args: readonly string[] = []): Promise<Browser> {
  const found = await access(CHROMIUM).then(
    () => true,
    () => false,
  );
  if (!found) {
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
