import { hash, randomFillSync } from 'node:crypto';
import { DIGEST_WORDS } from './contentSlots.ts';
import { PAGE } from './records.ts';

/** A block of SHA-256, bytes. */
const KEY = 64;

/**
 * 128 bits that stand for a page's content: SHA-256 over a secret key of one block and the page, cut off. Whoever writes the
 * pages knows neither the key nor a digest, so that two pages of one digest can only be guessed: n pages hold such a pair
 * with a probability below n^2 / 2^129. Without the key a pair could be searched for elsewhere, with 2^64 steps. Of what
 * Node's crypto has, SHA-256 is the fastest that allows this: 4 to 6 us a page where the processor helps; the native
 * helper's hash, a multiplication a word, is none of them and would take longer in JavaScript.
 */
export class PageDigest {
  readonly #keyed = randomFillSync(Buffer.alloc(KEY + PAGE), 0, KEY);

  /** Writes the digest of a page. */
  of(page: Uint8Array, into: Uint32Array): void {
    this.#keyed.set(page, KEY);
    const digest = hash('sha256', this.#keyed, 'buffer');
    for (let word = 0; word < DIGEST_WORDS; word++) into[word] = digest.readUInt32LE(word * 4);
  }
}
