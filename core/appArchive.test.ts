import { describe, expect, it } from 'vitest';
import { AppArchiveCheck, type AppMember } from './appArchive.ts';
import { DrayageError } from './cause.ts';

const GIB = 2 ** 30;
const file = (name: string, over: Partial<AppMember> = {}): AppMember => ({
  ...{ name, type: 'file', mode: 0o644, size: 1 },
  ...over,
});

function refusalOf(members: AppMember[], maxBytes = GIB): string | null {
  const check = new AppArchiveCheck(maxBytes);
  try {
    for (const member of members) check.admit(member);
    return null;
  } catch (error) {
    if (error instanceof DrayageError) {
      expect(error.cause_.mend).not.toBe('');
      expect(error.cause_.message).not.toMatch(/\p{Cc}/u);
      return error.cause_.code;
    }
    throw error;
  }
}

describe('AppArchiveCheck', () => {
  const cases: [string, AppMember[], string | null][] = [
    ['a file in a folder', [file('./lib/', { type: 'directory' }), file('./lib/a.js')], null],
    [
      'a folder that is named twice',
      [file('a', { type: 'directory' }), file('a/', { type: 'directory' })],
      null,
    ],
    ['an emoji for a name', [file('public/🚢.svg')], null],
    ['a link to a neighbour', [file('a/bin/x', { type: 'symlink', linkname: '../y.js' })], null],
    ['a hard link to a file before it', [file('a'), file('./b', { type: 'link', linkname: './a' })], null],
    ['a folder with the group’s bit', [file('a', { type: 'directory', mode: 0o2755 })], null],
    ['a path that leads out', [file('../x')], 'unsafePath'],
    ['a path that leads out on the way', [file('a/../../x')], 'unsafePath'],
    ['an absolute path', [file('/etc/passwd')], 'unsafePath'],
    ['an absolute link', [file('a', { type: 'symlink', linkname: '/etc/shadow' })], 'unsafePath'],
    ['a link that leads out', [file('a/b', { type: 'symlink', linkname: '../../x' })], 'unsafePath'],
    ['a hard link that leads out', [file('a', { type: 'link', linkname: '../x' })], 'unsafePath'],
    ['a hard link to nothing', [file('a', { type: 'link', linkname: 'b' })], 'unsafePath'],
    [
      'a hard link to a symbolic one',
      [file('b', { type: 'symlink', linkname: 'c' }), file('a', { type: 'link', linkname: 'b' })],
      'unsafePath',
    ],
    ['a file behind a link', [file('a', { type: 'symlink', linkname: '.' }), file('a/b')], 'unsafePath'],
    ['a file behind a file', [file('a'), file('a/b/c')], 'unsafePath'],
    ['a device', [file('dev/sda', { type: 'block-device' })], 'unsafePath'],
    ['a terminal', [file('tty', { type: 'character-device' })], 'unsafePath'],
    ['a named pipe', [file('pipe', { type: 'fifo' })], 'unsafePath'],
    ['what tar calls something else', [file('x', { type: 'gnu-sparse' })], 'unsafePath'],
    ['a program with its owner’s rights', [file('su', { mode: 0o4755 })], 'setuidFile'],
    ['a program with its group’s rights', [file('wall', { mode: 0o2755 })], 'setuidFile'],
    ['a sparse file', [file('big', { pax: { 'GNU.sparse.major': '1' } })], 'unsafePath'],
    ['a file twice', [file('a'), file('./a')], 'duplicateFile'],
    ['a file where a folder is', [file('a/b'), file('a')], 'duplicateFile'],
    ['a name of 10,000 characters', [file('x'.repeat(10_000))], 'unsafePath'],
    ['a path of 10,000 characters', [file('d/'.repeat(5_000))], 'unsafePath'],
    ['a name with a control character', [file('a\u001b[2Jb')], 'badFileName'],
    ['a name that is no UTF-8', [file('a\uFFFDb')], 'badFileName'],
    ['a zero byte', [file('a\0b')], 'unsafePath'],
  ];
  it.each(cases)('%s', (_what, members, code) => {
    expect(refusalOf(members)).toBe(code);
  });

  it('bounds all files together, by what they say of themselves', () => {
    expect(refusalOf([file('a', { size: 60 }), file('b', { size: 40 })], 100)).toBeNull();
    expect(refusalOf([file('a', { size: 60 }), file('b', { size: 41 })], 100)).toBe('appTooLarge');
    expect(refusalOf([file('zeros', { size: 10 * GIB })])).toBe('appTooLarge');
  });

  it('bounds what it keeps: the number of files, and their names', () => {
    const check = new AppArchiveCheck(GIB);
    // The same folder again and again is as many members.
    for (let index = 0; index < 100_000; index += 1) check.admit(file('a/', { type: 'directory' }));
    expect(() => check.admit(file('one more'))).toThrow('too many files');
    const long = (index: number) => `${'n'.repeat(200)}/`.repeat(15) + String(index);
    expect(refusalOf(Array.from({ length: 6_000 }, (_one, index) => file(long(index))))).toBe('appTooLarge');
  }, 60_000);

  it('counts the folders that names imply, too', () => {
    const deep = (index: number) => `${String(index)}/${'d/'.repeat(1_500)}f`;
    expect(refusalOf(Array.from({ length: 100 }, (_one, index) => file(deep(index))))).toBe('appTooLarge');
  });

  it('refuses bytes that no member accounts for', () => {
    const check = new AppArchiveCheck(GIB);
    check.account(4 * 2 ** 20);
    check.admit(file('a', { size: 100 * 2 ** 20 }));
    check.account(100 * 2 ** 20);
    expect(() => check.account(120 * 2 ** 20)).toThrow(DrayageError);
  });

  it('gives rights that whoever runs it can use', () => {
    const check = new AppArchiveCheck(GIB);
    expect(check.admit(file('./bin/run', { mode: 0o700 }))).toEqual({
      name: 'bin/run',
      type: 'file',
      mode: 0o744,
    });
    expect(check.admit(file('sub/', { type: 'directory', mode: 0o3700 })).mode).toBe(0o755);
  });
});
