import { formatBytes, formatCpus, formatShare } from '../format/numbers.ts';
import type { Device } from '../state/collections.ts';

export interface Usage {
  label: string;
  used: number | null;
  total: number;
  /** Used and total, with units. */
  text: string;
  /** The same as a share. */
  share: string;
}

/** What a device uses of what it has, for its meters; `used` is null while it has told nothing. */
export function usageOf({ load, inventory }: Pick<Device, 'load' | 'inventory'>): Usage[] {
  const { cpus, memoryBytes, diskBytes } = inventory;
  return [
    usage('CPU', load?.cpus ?? null, cpus, (value) => formatCpus(value)),
    usage('Memory', load?.memoryBytes ?? null, memoryBytes, formatBytes),
    usage('Disk', load?.diskBytes ?? null, diskBytes, formatBytes),
  ];
}

function usage(label: string, used: number | null, total: number, format: (value: number) => string): Usage {
  const most = format(total);
  if (used === null) return { label, used, total, text: `not known, of ${most}`, share: '–' };
  const share = formatShare(total > 0 ? Math.min(1, used / total) : 0);
  return { label, used, total, text: `${format(used)} of ${most}`, share };
}
