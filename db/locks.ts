/** Numbers of the advisory locks: each is of one thing only, or those who have nothing to do with each other wait in a line. */
export const AdvisoryLock = {
  /** The schema is brought up to date. */
  migrate: 7_480_001,
  /** An address is given out. */
  addresses: 7_480_002,
  /** The upkeep is done. */
  upkeep: 7_480_003,
  /** An event takes its place, at the very end of its transaction: db/migrations/0002_events.sql has the number, too. */
  events: 7_480_004,
  /** A new device is written down. */
  discovery: 7_480_005,
  /** Room on devices is given away. */
  placing: 7_480_006,
} as const;
