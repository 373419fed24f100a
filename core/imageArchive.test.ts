import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  type ArchiveMember,
  type ArchivePlace,
  elfArchitecture,
  memberName,
  rootFileSystemConfig,
  unsafeMember,
} from './imageArchive.ts';

const members: [ArchiveMember, ArchivePlace, boolean][] = [
  [{ name: 'bin/app', type: 'file' }, 'layer', true],
  [{ name: './bin/app', type: 'file' }, 'layer', true],
  [{ name: '.', type: 'directory' }, 'layer', true],
  [{ name: 'a..b/..c', type: 'file' }, 'layer', true],
  [{ name: 'a/../b', type: 'file' }, 'layer', true],
  [{ name: '..', type: 'directory' }, 'layer', false],
  [{ name: '../x', type: 'file' }, 'layer', false],
  [{ name: 'a/../../x', type: 'file' }, 'layer', false],
  [{ name: '/etc/passwd', type: 'file' }, 'layer', false],
  [{ name: 'a\0b', type: 'file' }, 'layer', false],
  [{ name: 'bin/sh', type: 'symlink', linkname: '/bin/busybox' }, 'layer', true],
  [{ name: 'bin/sh', type: 'symlink', linkname: '../usr/bin/sh' }, 'layer', true],
  [{ name: 'bin/sh', type: 'symlink', linkname: '../../usr/bin/sh' }, 'layer', false],
  [{ name: 'bin/sh', type: 'symlink', linkname: '' }, 'layer', false],
  [{ name: 'bin/sh', type: 'symlink', linkname: null }, 'layer', false],
  [{ name: 'b', type: 'link', linkname: 'a' }, 'layer', true],
  [{ name: 'b', type: 'link', linkname: '/a' }, 'layer', false],
  [{ name: 'b', type: 'link', linkname: 'x/../../a' }, 'layer', false],
  [{ name: 'dev/null', type: 'character-device' }, 'layer', true],
  [{ name: 'dev/null', type: 'character-device' }, 'archive', false],
  [{ name: 'pipe', type: 'fifo' }, 'archive', false],
  [{ name: 'x/layer.tar', type: 'symlink', linkname: '../y/layer.tar' }, 'archive', true],
  [{ name: 'x/layer.tar', type: 'symlink', linkname: '/etc/shadow' }, 'archive', false],
  [{ name: 'x', type: 'gnu-sparse' }, 'layer', false],
  [{ name: 'node_modules/.bin/x', type: 'symlink', linkname: '../x/cli.js' }, 'application', true],
  [{ name: 'x', type: 'symlink', linkname: '/bin/x' }, 'application', false],
  [{ name: 'dev/null', type: 'character-device' }, 'application', false],
];

describe('unsafeMember', () => {
  it.each(members)('%j in a %s may be unpacked: %s', (member, place, safe) => {
    const cause = unsafeMember(member, place);
    expect(cause === null).toBe(safe);
    if (cause) expect([cause.code, cause.mend === '']).toEqual(['unsafePath', false]);
  });
});

describe('memberName', () => {
  it.each([
    ['./a/b', 'a/b'],
    ['a/b/', 'a/b'],
    ['a//b', 'a/b'],
    ['./', '.'],
  ])('%s is %s', (name, normal) => {
    expect(memberName(name)).toBe(normal);
  });
});

describe('rootFileSystemConfig', () => {
  const options = { command: ['/app'], entrypoint: [], env: ['A=b'], workingDir: '/srv' };

  it("is the same to the byte for the same input: an image's id never changes", () => {
    const bytes = rootFileSystemConfig('ab'.repeat(32), 'amd64', options);
    expect(createHash('sha256').update(bytes).digest('hex')).toMatchInlineSnapshot(
      `"7fc2524ccc666a83109a8ddc71304f968c9688dccb098662c61e4bbcab7062d0"`,
    );
  });

  it('differs with each part of the input', () => {
    const variants = [
      rootFileSystemConfig('ab'.repeat(32), 'amd64', options),
      rootFileSystemConfig('cd'.repeat(32), 'amd64', options),
      rootFileSystemConfig('ab'.repeat(32), 'arm64', options),
      rootFileSystemConfig('ab'.repeat(32), 'amd64', { ...options, command: [] }),
      rootFileSystemConfig('ab'.repeat(32), 'amd64', { ...options, env: [] }),
    ];
    expect(new Set(variants.map(String)).size).toBe(variants.length);
  });
});

describe('elfArchitecture', () => {
  const elf = (machine: number, endian: 1 | 2) => {
    const head = Buffer.alloc(64);
    head.writeUInt32BE(0x7f454c46);
    head[5] = endian;
    if (endian === 1) head.writeUInt16LE(machine, 18);
    else head.writeUInt16BE(machine, 18);
    return head;
  };
  it.each([
    [elf(0x3e, 1), 'amd64'],
    [elf(0xb7, 1), 'arm64'],
    [elf(0x28, 1), 'arm'],
    [elf(0x28, 2), 'arm'],
    [elf(0x1234, 1), null],
    [Buffer.from('#!/bin/sh\necho hello world'), null],
    [Buffer.alloc(4), null],
  ])('case %#', (head, architecture) => {
    expect(elfArchitecture(head)).toBe(architecture);
  });
});
