import type { ConsoleMessage, Page } from 'playwright-core';

export interface Faults {
  /** In words. */
  readonly seen: string[];
  /** From now on, what matches is no fault: a refusal that a test is about, say. */
  allow(pattern: RegExp): void;
}

/** Who is not signed in is told so when the dashboard begins: a browser writes that down as an error. */
const ASKED_WHO = /401 .*\/api\/v1\/auth\/me$/;

/** Runs in the page. */
const TELL_VIOLATIONS = `document.addEventListener('securitypolicyviolation', (violation) =>
  console.error('policy:', violation.violatedDirective, violation.blockedURI, violation.sourceFile, violation.lineNumber))`;

/** Notes every error that the browser or the page says, and everything that the policy has kept from happening. */
export async function watchPage(page: Page): Promise<Faults> {
  const seen: string[] = [];
  const allowed = [ASKED_WHO];
  const note = (fault: string) => {
    if (!allowed.some((pattern) => pattern.test(fault))) seen.push(fault);
  };
  await page.addInitScript(TELL_VIOLATIONS);
  page.on('console', (message) => {
    if (message.type() === 'error') note(textOf(message));
  });
  page.on('pageerror', (error) => note(`error: ${error.stack ?? error.message}`));
  return { seen, allow: (pattern) => allowed.push(pattern) };
}

/** Of what could not be loaded, with the address. */
function textOf(message: ConsoleMessage): string {
  const text = message.text();
  const status = /^Failed to load resource: .*status of (\d+)/.exec(text)?.[1];
  return status === undefined ? text : `${status} ${message.location().url}`;
}
