import type { Cause } from './cause.ts';

export interface VersionDecision {
  action: 'fits' | 'refuse';
  reason: string;
  /** With `refuse`. */
  cause?: Cause;
}

/** Versions next to each other work together: so many steps of the second number apart. */
const STEPS_APART = 1;

/**
 * Whether two parts of Drayage may work together: of the same first number, and the second ones next to each other. The third
 * changes nothing of what is said between them. `one` and `other` complete "The ... is of version".
 */
export function decideVersion(
  one: { who: string; version: string },
  other: { who: string; version: string },
): VersionDecision {
  const [left, right] = [parse(one.version), parse(other.version)];
  const words = `the ${one.who} is of version ${one.version}, the ${other.who} of ${other.version}`;
  if (left && right && left.major === right.major && Math.abs(left.minor - right.minor) <= STEPS_APART)
    return { action: 'fits', reason: words };
  const older = left && right && (left.major - right.major || left.minor - right.minor) < 0 ? one : other;
  return {
    action: 'refuse',
    reason: words,
    cause: {
      code: 'versionsApart',
      message: `${words[0]?.toUpperCase()}${words.slice(1)}; these do not work together.`,
      mend: `Bring the ${older.who} to the version of the other, by way of each version between them; see docs/deployment.md, "Upgrade".`,
    },
  };
}

function parse(version: string): { major: number; minor: number } | null {
  const [, major, minor] = /^(\d+)\.(\d+)\./.exec(version) ?? [];
  return major === undefined ? null : { major: Number(major), minor: Number(minor) };
}
