import { expect, test } from 'vitest';
import { parseMappings, type MappingKind } from './readMappings.ts';

test.each<[string, string, MappingKind | null]>([
  ['anonymous memory', 'rw-p 00000000 00:00 0 ', 'lazy'],
  ['the heap', 'rw-p 00000000 00:00 0                          [heap]', 'lazy'],
  ['a stack', 'rw-p 00000000 00:00 0                          [stack]', 'lazy'],
  ['anonymous memory with a name', 'rw-p 00000000 00:00 0     [anon:arena]', 'lazy'],
  ['memory that may not be touched', '---p 00000000 00:00 0 ', 'lazy'],
  ['a private file', 'r-xp 00001000 fe:00 1234                   /bin/a program', 'private'],
  ['huge pages', 'rw-p 00000000 00:0f 99                     /anon_hugepage (deleted)', null],
  ['a shared file', 'rw-s 00000000 fe:00 1234                   /data/file', null],
  ['shared memory', 'rw-s 00000000 00:01 77                     /dev/zero (deleted)', 'shared'],
  ['a memfd', 'rw-s 00000000 00:01 78                     /memfd:name (deleted)', 'shared'],
  ['a System V segment', 'rw-s 00000000 00:01 2                      /SYSV00000000 (deleted)', 'shared'],
  ["the kernel's own", 'r-xp 00000000 00:00 0                          [vdso]', null],
])('%s', (_sentence, rest, kind) => {
  const mappings = parseMappings(`7f0000001000-7f0000003000 ${rest}\n`);
  expect(mappings).toEqual(kind === null ? [] : [{ start: 0x7f0000001, end: 0x7f0000003, kind }]);
});

test('of memory that is locked or may be dropped CRIU writes the pages itself', () => {
  const line = (address: number) => `${address}000-${address + 1}000 rw-p 00000000 00:00 0 `;
  const flags = ['rd wr mr lo', 'rd wr mr', 'rd ht', 'rd wr mr mw me nr wf dd dp'];
  const text = flags.flatMap((shown, index) => [line(index + 1), `VmFlags: ${shown}`]);
  const kinds = parseMappings(text.join('\n')).map(({ kind }) => kind);
  expect(kinds).toEqual(['private', 'lazy', 'private', 'private']);
});
