/** The secret of an invitation in an address's fragment, which no server gets to see; null when there is none. */
export function invitationIn(hash: string): string | null {
  return /^#invitation=([\w-]{1,200})$/.exec(hash)?.[1] ?? null;
}

/** The address to send to somebody who is invited. */
export function invitationLink(origin: string, secret: string): string {
  return `${origin}/register#invitation=${secret}`;
}
