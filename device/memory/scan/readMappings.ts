import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { compareVersions } from '../../../core/compareVersions.ts';
import { PAGE } from './records.ts';

/**
 * `lazy`: private anonymous memory, which a lazy restore fills in itself; `private`: other private memory, which CRIU writes
 * into its images; `shared`: shared memory without a file, likewise. What else there is, is in no dump.
 */
export type MappingKind = 'lazy' | 'private' | 'shared';

/** A range of pages: addresses divided by PAGE, so that the highest are exact numbers. */
export interface PageRange {
  start: number;
  end: number;
}

export interface Mapping extends PageRange {
  kind: MappingKind;
}

/** Whether the kernel has memory that it may drop (MAP_DROPPABLE, Linux 6.11), which no userfaultfd may have. */
const HAS_DROPPABLE = compareVersions(release(), '6.11') >= 0;

const SHARED = /^(\/dev\/zero \(deleted\)|\/memfd:|\/SYSV)/;
const ANONYMOUS = /^($|\[heap\]|\[stack|\[anon:)/;
const MAPPING = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ (\d+) *(.*)$/;

/**
 * What a process has mapped, from /proc/PID/maps (proc(5)), by the one rule of all readers: device/native/src/mappings.h.
 * @throws Error when the process is gone
 */
export function readMappings(pid: number): Mapping[] {
  // Only with locked or droppable memory has each mapping to be asked: the longer file takes many times as long.
  const asked = HAS_DROPPABLE || hasLockedMemory(pid);
  return parseMappings(readFileSync(`/proc/${pid}/${asked ? 'smaps' : 'maps'}`, 'utf8'));
}

function hasLockedMemory(pid: number): boolean {
  return /^VmLck:\s+[1-9]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

/** The lines of a `maps` or `smaps`. */
export function parseMappings(text: string): Mapping[] {
  const mappings: Mapping[] = [];
  let last: Mapping | null = null;
  for (const line of text.split('\n')) {
    const [, start, end, permissions = '', inode, name = ''] = MAPPING.exec(line) ?? [];
    if (start === undefined || end === undefined) {
      // Locked, of huge pages, or droppable.
      if (last?.kind === 'lazy' && /^VmFlags:.* (lo|ht|dp)\b/.test(line)) last.kind = 'private';
      continue;
    }
    const kind = kindOf(permissions, Number(inode), name);
    last = kind && { start: parseInt(start, 16) / PAGE, end: parseInt(end, 16) / PAGE, kind };
    if (last) mappings.push(last);
  }
  return mappings;
}

function kindOf(permissions: string, inode: number, name: string): MappingKind | null {
  if (permissions[3] === 's') return SHARED.test(name) ? 'shared' : null;
  if (inode !== 0) return name.startsWith('/anon_hugepage') ? null : 'private';
  return ANONYMOUS.test(name) ? 'lazy' : null;
}
