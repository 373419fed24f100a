import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Whether the kernel marks written pages, by a real write: a shell clears its own bits and counts its dirty pages before
 * and after it has written. Without the feature the clearing succeeds and does nothing.
 *
 * A program of its own, so that the worker's pages keep their bits. Bit 55 of an entry of /proc/PID/pagemap
 * (Documentation/admin-guide/mm/soft-dirty.rst).
 */
const PROBE = `
use strict;
my $page = 4096;
my $buffer = 'x' x (256 * $page);
sub dirty {
  my $count = 0;
  open(my $maps, '<', '/proc/self/maps') or die "maps: $!";
  open(my $pagemap, '<:raw', '/proc/self/pagemap') or die "pagemap: $!";
  while (<$maps>) {
    my ($start, $end) = /^([0-9a-f]+)-([0-9a-f]+) rw-p/ or next;
    ($start, $end) = (hex $start, hex $end);
    next if $end - $start > 64 << 20;
    sysseek($pagemap, $start / $page * 8, 0) or next;
    sysread($pagemap, my $entries, ($end - $start) / $page * 8) or next;
    $count += ($_ >> 55) & 1 for unpack('Q*', $entries);
  }
  return $count;
}
my $before = dirty();
open(my $clear, '>', '/proc/self/clear_refs') or die "clear_refs: $!";
syswrite($clear, '4') == 1 or die "clear_refs: $!";
my $cleared = dirty();
substr($buffer, $_ * $page, 1) = 'y' for 0 .. 255;
print "$before $cleared ", dirty(), "\\n";
`;

/** Pages that the probe's second part writes to. */
const WRITTEN = 256;

export async function probeSoftDirty(): Promise<{ softDirty: boolean; words: string }> {
  const child = spawn('perl', ['-e', PROBE], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const code = await Promise.race([
    once(child, 'close').then(([code]) => code as number | null),
    once(child, 'error').then(() => null),
  ]);
  const [, before, cleared, written] = /^(\d+) (\d+) (\d+)$/m.exec(said) ?? [];
  if (code !== 0 || written === undefined)
    return { softDirty: false, words: `the probe failed: ${said.trim() || 'no perl'}` };
  const words = `${before} pages were dirty, ${cleared} after clearing, ${written} after writing to ${WRITTEN}`;
  return { softDirty: Number(written) - Number(cleared) >= WRITTEN / 2, words };
}
