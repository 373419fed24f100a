/** Wrong passwords in a row that cost nothing but the attempt. */
export const FREE_FAILURES = 5;
const FIRST_LOCK_SECONDS = 30;
const LONGEST_LOCK_SECONDS = 900;

/**
 * For how long an email is locked after so many wrong passwords in a row, seconds: from the sixth on, twice as long each
 * time, at most a quarter of an hour. So nobody guesses more than about a hundred a day, and nobody is locked out for good.
 */
export function lockSeconds(failures: number): number {
  if (failures <= FREE_FAILURES) return 0;
  return Math.min(FIRST_LOCK_SECONDS * 2 ** (failures - FREE_FAILURES - 1), LONGEST_LOCK_SECONDS);
}
