import { describe, expect, it } from 'vitest';
import { splitWords } from './splitWords.ts';
import { commandWords } from './words.ts';

describe('a line is split', () => {
  it.each([
    ['', []],
    ['  node   server.js ', ['node', 'server.js']],
    [`sh -c "echo 'a b'"`, ['sh', '-c', "echo 'a b'"]],
    [`a'b c'd`, ['ab cd']],
    [`''`, ['']],
    ['a\\ b', ['a b']],
    [`"a\\"b"`, ['a"b']],
    [`'a\\b'`, ['a\\b']],
    ['$HOME;*', ['$HOME;*']],
    [`"open`, null],
  ])('%s', (line, words) => {
    expect(splitWords(line)).toEqual(words);
  });

  it.each([[['a b', "c'd", 'e"f', '\\', '', 'x=$y']]])('and put together again: %j', (words) => {
    expect(splitWords(commandWords(words))).toEqual(words);
  });
});
