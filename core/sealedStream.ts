import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
import { DrayageError } from './cause.ts';

const CIPHER = 'aes-256-gcm';
const MAGIC = Buffer.from('DRS1');
const SALT_BYTES = 32;
const HEAD_BYTES = MAGIC.length + SALT_BYTES;
const TAG_BYTES = 16;
const NONCE_BYTES = 12;
/** Sealed at once, bytes. */
const PIECE_BYTES = 64 * 1024;

/**
 * Seals what is written to it as it streams by: AES-256-GCM of one piece after the other, under a key that only this stream
 * has. Pieces have numbers and the last one says that it is, so that none can be left out, cut off or put elsewhere. `about`
 * says what it belongs to; it cannot be opened as anything else's. `key` has 32 bytes.
 */
export class SealingStream extends Transform {
  readonly #key: Buffer;
  #piece = 0;
  #waiting: Buffer = Buffer.alloc(0);

  constructor(key: Buffer, about: string) {
    super({ highWaterMark: 4 * PIECE_BYTES });
    const salt = randomBytes(SALT_BYTES);
    this.#key = keyOf(key, salt, about);
    this.push(Buffer.concat([MAGIC, salt]));
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    let rest = this.#waiting.length === 0 ? chunk : Buffer.concat([this.#waiting, chunk]);
    // The last piece is only known at the end.
    while (rest.length > PIECE_BYTES) {
      this.#seal(rest.subarray(0, PIECE_BYTES), false);
      rest = rest.subarray(PIECE_BYTES);
    }
    this.#waiting = Buffer.from(rest);
    done();
  }

  override _flush(done: TransformCallback): void {
    this.#seal(this.#waiting, true);
    done();
  }

  #seal(plain: Buffer, last: boolean): void {
    const cipher = createCipheriv(CIPHER, this.#key, nonce(this.#piece++, last));
    this.push(Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]));
  }
}

/** Opens what a SealingStream has sealed. It fails with `sealedDamaged` before anything wrong leaves it. */
export class OpeningStream extends Transform {
  readonly #master: Buffer;
  readonly #about: string;
  #key: Buffer | null = null;
  #piece = 0;
  #waiting: Buffer = Buffer.alloc(0);

  constructor(key: Buffer, about: string) {
    super({ highWaterMark: 4 * PIECE_BYTES });
    this.#master = key;
    this.#about = about;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    let rest = this.#waiting.length === 0 ? chunk : Buffer.concat([this.#waiting, chunk]);
    try {
      if (this.#key === null && rest.length >= HEAD_BYTES) {
        if (!rest.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error('it begins with something else');
        this.#key = keyOf(this.#master, rest.subarray(MAGIC.length, HEAD_BYTES), this.#about);
        rest = rest.subarray(HEAD_BYTES);
      }
      while (this.#key !== null && rest.length > PIECE_BYTES + TAG_BYTES) {
        this.#open(this.#key, rest.subarray(0, PIECE_BYTES + TAG_BYTES), false);
        rest = rest.subarray(PIECE_BYTES + TAG_BYTES);
      }
      this.#waiting = Buffer.from(rest);
      done();
    } catch (error) {
      done(damaged(error));
    }
  }

  override _flush(done: TransformCallback): void {
    try {
      if (this.#key === null || this.#waiting.length < TAG_BYTES) throw new Error('its end is missing');
      this.#open(this.#key, this.#waiting, true);
      done();
    } catch (error) {
      done(damaged(error));
    }
  }

  #open(key: Buffer, sealed: Buffer, last: boolean): void {
    const at = sealed.length - TAG_BYTES;
    const decipher = createDecipheriv(CIPHER, key, nonce(this.#piece++, last), { authTagLength: TAG_BYTES });
    decipher.setAuthTag(sealed.subarray(at));
    const plain = decipher.update(sealed.subarray(0, at));
    decipher.final();
    if (plain.length > 0) this.push(plain);
  }
}

function keyOf(key: Buffer, salt: Buffer, about: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, about, 32));
}

/** Each piece has another one, and the last is none of the others'. */
function nonce(piece: number, last: boolean): Buffer {
  const bytes = Buffer.alloc(NONCE_BYTES);
  bytes.writeUInt8(last ? 1 : 0, 0);
  bytes.writeBigUInt64BE(BigInt(piece), NONCE_BYTES - 8);
  return bytes;
}

function damaged(cause: unknown): DrayageError {
  return new DrayageError(
    {
      code: 'sealedDamaged',
      message: 'A sealed file cannot be read: it is damaged, or was sealed by another installation.',
      mend: 'Restore the data directory as a whole, with the key of its authority.',
    },
    { cause },
  );
}
