/**
 * The stream between source and target: names to be removed (each ended by NUL) in pieces of `u32 length, bytes`, a
 * length of 0, and then a tar archive to the end.
 */
const PIECE_BYTES = 64 * 1024;

/** Upper bound of what a target accepts as one piece; protects its memory. */
export const MAXIMUM_PIECE_BYTES = 1024 * 1024;

/** The head of a stream. Paths are latin1 text, as in lists of files. */
export function* encodeRemovals(paths: readonly string[]): Generator<Buffer> {
  let piece = '';
  for (const path of paths) {
    piece += `${path}\0`;
    if (piece.length >= PIECE_BYTES) {
      yield withLength(piece);
      piece = '';
    }
  }
  if (piece !== '') yield withLength(piece);
  yield Buffer.alloc(4);
}

function withLength(text: string): Buffer {
  const buffer = Buffer.alloc(4 + text.length);
  buffer.writeUInt32BE(text.length, 0);
  buffer.write(text, 4, 'latin1');
  return buffer;
}
