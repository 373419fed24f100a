import type { Readable } from 'node:stream';

/**
 * Calls `hear` with every whole line of a stream of UTF-8, without its end; what is left when it ends is no line. A line that
 * gets longer than `longest` characters ends the stream with an error.
 */
export function onLines(stream: Readable, hear: (line: string) => void, longest = Infinity): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > longest) stream.destroy(new Error('a message is too long'));
    for (const line of lines) hear(line);
  });
}
