/** Of a name, characters. */
const LONGEST = 63;

/** What a snapshot is called whose maker gives it no name: the compute's, and the time (UTC), `web-20261201-064933`. */
export function snapshotNameOf(compute: string, now: Date): string {
  const time = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  const room = LONGEST - time.length - 1;
  return `${compute.slice(0, room).replace(/-+$/, '')}-${time}`;
}
