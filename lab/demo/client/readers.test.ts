import { describe, expect, it } from 'vitest';
import { HttpReader } from './httpReader.ts';
import { LineReader } from './lineReader.ts';

describe('lines', () => {
  const read = (...pieces: string[]) => {
    const seen: (string | number[])[] = [];
    const reader = new LineReader(
      (sequence, counter) => seen.push([sequence, counter]),
      () => seen.push('damaged'),
    );
    for (const piece of pieces) reader.feed(Buffer.from(piece), piece.length);
    return seen;
  };
  const cases: { name: string; pieces: string[]; seen: (string | number[])[] }[] = [
    { name: 'one', pieces: ['12 345\n'], seen: [[12, 345]] },
    {
      name: 'two at once',
      pieces: ['1 2\n3 4\n'],
      seen: [
        [1, 2],
        [3, 4],
      ],
    },
    { name: 'in pieces', pieces: ['1', '2 3', '45', '\n'], seen: [[12, 345]] },
    { name: 'zero', pieces: ['0 0\n'], seen: [[0, 0]] },
    { name: 'half a line', pieces: ['12 34'], seen: [] },
    { name: 'an error, then an answer', pieces: ['error: no\n5 6\n'], seen: ['damaged', [5, 6]] },
    { name: 'one number', pieces: ['5\n'], seen: ['damaged'] },
    { name: 'no counter', pieces: ['5 \n'], seen: ['damaged'] },
    { name: 'three numbers', pieces: ['5 6 7\n'], seen: ['damaged'] },
    { name: 'an empty line', pieces: ['\n'], seen: ['damaged'] },
  ];
  it.each(cases)('$name', ({ pieces, seen }) => {
    expect(read(...pieces)).toEqual(seen);
  });

  it('reads no further than it is told to', () => {
    const seen: number[][] = [];
    const reader = new LineReader(
      (...answer) => seen.push(answer),
      () => {},
    );
    reader.feed(Buffer.from('1 2\n9 9\n'), 4);
    expect(seen).toEqual([[1, 2]]);
  });
});

describe('HTTP answers', () => {
  const answer = (body: string) =>
    `HTTP/1.1 200 OK\r\nContent-Type: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

  it('are whole when their body is', () => {
    const reader = new HttpReader();
    const text = answer('{"a":1}');
    for (const byte of Buffer.from(text.slice(0, -1))) expect(reader.feed(Buffer.of(byte), 1)).toEqual([]);
    expect(reader.feed(Buffer.from('}'), 1)).toEqual([{ status: 200, body: '{"a":1}' }]);
  });

  it('may come two at once, and one and a half', () => {
    const reader = new HttpReader();
    const text = Buffer.from(answer('one') + answer('two') + answer('three').slice(0, 20));
    expect(reader.feed(text, text.length).map(({ body }) => body)).toEqual(['one', 'two']);
    const rest = Buffer.from(answer('three').slice(20));
    expect(reader.feed(rest, rest.length).map(({ body }) => body)).toEqual(['three']);
  });

  it('are refused when they are none, or too long', () => {
    const rubbish = Buffer.from('SSH-2.0\r\n\r\n');
    expect(() => new HttpReader().feed(rubbish, rubbish.length)).toThrow(/begins with/);
    const long = Buffer.alloc(5_000);
    expect(() => new HttpReader().feed(long, long.length)).toThrow(/4096/);
  });

  it('begin anew after a reset', () => {
    const reader = new HttpReader();
    reader.feed(Buffer.from('HTTP/1.1 2'), 10);
    reader.reset();
    const text = Buffer.from(answer('x'));
    expect(reader.feed(text, text.length)).toHaveLength(1);
  });
});
