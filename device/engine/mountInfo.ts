/** One line of /proc/<pid>/mountinfo, as far as it is of use here. */
export interface MountInfo {
  mountPoint: string;
  type: string;
  /** Of the superblock, e.g. overlay's upperdir. */
  options: Record<string, string>;
}

/** @see proc_pid_mountinfo(5) */
export function parseMountInfo(text: string): MountInfo[] {
  return text
    .split('\n')
    .filter((line) => line.includes(' - '))
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ');
      const [type = '', , superOptions = ''] = after.split(' ');
      return { mountPoint: unescape(before.split(' ')[4] ?? ''), type, options: parseOptions(superOptions) };
    });
}

/** The overlay mounted at a place; the last one when there are several on each other. */
export function overlayAt(mounts: readonly MountInfo[], mountPoint: string): MountInfo | undefined {
  return mounts.findLast((mount) => mount.type === 'overlay' && mount.mountPoint === mountPoint);
}

function parseOptions(text: string): Record<string, string> {
  const options: Record<string, string> = {};
  for (const option of text.split(',')) {
    const [name = '', ...value] = option.split('=');
    options[name] = unescape(value.join('='));
  }
  return options;
}

/** The kernel writes blanks and the like as a backslash and three octal digits. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}
