/** A file for an archive. */
export interface PackedFile {
  /** Below the archive's root, with `/`. */
  path: string;
  content: Blob;
  /** Milliseconds since 1970. */
  modifiedAt: number;
}

const BLOCK = 512;
/** Longest name and prefix of the ustar format, bytes. */
const NAME_MAX = 100;
/** Largest size that eleven octal digits can say, bytes. */
const SIZE_MAX = 8 ** 11 - 1;
const MODE = 0o644;
const encoder = new TextEncoder();

/**
 * A tar (ustar, with pax headers where a name is long) of files. Their contents stay where they are until the blob is read: a
 * folder of any size takes no more memory than its names.
 */
export function packTar(files: readonly PackedFile[]): Blob {
  const parts: BlobPart[] = [];
  for (const { path, content, modifiedAt } of files) {
    const short = isShort(path);
    const records = paxRecords({
      ...(short ? {} : { path }),
      ...(content.size > SIZE_MAX ? { size: String(content.size) } : {}),
    });
    if (records.length > 0) {
      parts.push(header('@PaxHeader', records.length, modifiedAt, 'x'), records, padding(records.length));
    }
    const name = short ? path : 'long-name';
    parts.push(header(name, content.size, modifiedAt, '0'), content, padding(content.size));
  }
  // Two empty blocks end an archive.
  parts.push(new Uint8Array(2 * BLOCK));
  return new Blob(parts);
}

function isShort(path: string): boolean {
  return path.length <= NAME_MAX && encoder.encode(path).length === path.length;
}

function header(name: string, size: number, modifiedAt: number, type: '0' | 'x'): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK);
  const put = (text: string, at: number) => block.set(encoder.encode(text), at);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0');
  put(name, 0);
  put(octal(MODE, 7), 100);
  put(octal(0, 7), 108);
  put(octal(0, 7), 116);
  put(octal(size > SIZE_MAX ? 0 : size, 11), 124);
  put(octal(Math.max(0, Math.floor(modifiedAt / 1_000)), 11), 136);
  put(type, 156);
  put('ustar\x0000', 257);
  // The sum is taken with spaces in its own place.
  put(' '.repeat(8), 148);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${octal(sum, 6)}\0 `, 148);
  return block;
}

/** Each record begins with its own length, the digits of that included. */
function paxRecords(values: Record<string, string>): Uint8Array<ArrayBuffer> {
  const records = Object.entries(values).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    const bytes = encoder.encode(rest).length;
    let length = bytes + String(bytes).length;
    if (String(length).length > String(bytes).length) length = bytes + String(length).length;
    return `${String(length)}${rest}`;
  });
  return encoder.encode(records.join(''));
}

function padding(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
}
