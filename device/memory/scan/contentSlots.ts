import { NO_SLOT } from './records.ts';

/** Words of 32 bits that a digest has: 128 bits. */
export const DIGEST_WORDS = 4;
/** As the native helper has it: 1 TB of different pages. */
const SLOTS_MAX = 2 ** 28;

/**
 * Gives every content of a page a slot, found by its digest, for as long as somebody holds it. A table of open addressing;
 * all of it takes about 30 bytes a page.
 */
export class ContentSlots {
  #digests = new Uint32Array(1024 * DIGEST_WORDS);
  #references = new Uint32Array(1024);
  #table = new Uint32Array(4096);
  #entries = 0;
  #used = 1;
  readonly #free: number[] = [];

  /** Different contents that are held. */
  get count(): number {
    return this.#used - 1 - this.#free.length;
  }

  /** Whether the slot has this content. */
  has(slot: number, digest: Uint32Array): boolean {
    const at = slot * DIGEST_WORDS;
    for (let word = 0; word < DIGEST_WORDS; word++)
      if (this.#digests[at + word] !== digest[word]) return false;
    return true;
  }

  /** The slot of this content; NO_SLOT when it has none. */
  find(digest: Uint32Array): number {
    const last = this.#table.length - 1;
    for (let at = digest[0]! & last; ; at = (at + 1) & last) {
      const slot = this.#table[at]!;
      if (slot === NO_SLOT || this.has(slot, digest)) return slot;
    }
  }

  /** A slot for a content that has none, held once. @throws Error when there is none left */
  take(digest: Uint32Array): number {
    const slot = this.#free.pop() ?? this.#used++;
    if (slot >= SLOTS_MAX) throw new Error(`more than ${SLOTS_MAX} different pages`);
    if (slot >= this.#references.length) this.#growSlots();
    if (this.#entries * 2 >= this.#table.length) this.#growTable();
    this.#digests.set(digest, slot * DIGEST_WORDS);
    this.#references[slot] = 1;
    this.#put(slot);
    return slot;
  }

  hold(slot: number): void {
    this.#references[slot]! += 1;
  }

  /** Once nobody holds it any more its content is forgotten. NO_SLOT is nobody's. */
  release(slot: number): void {
    if (slot === NO_SLOT || --this.#references[slot]! > 0) return;
    this.#forget(slot);
    this.#free.push(slot);
  }

  #wanted(slot: number): number {
    return this.#digests[slot * DIGEST_WORDS]! & (this.#table.length - 1);
  }

  #put(slot: number): void {
    const last = this.#table.length - 1;
    let at = this.#wanted(slot);
    while (this.#table[at] !== NO_SLOT) at = (at + 1) & last;
    this.#table[at] = slot;
    this.#entries += 1;
  }

  /** Entries behind it move up, so that every search still finds its own (Knuth, TAOCP 3, 6.4, algorithm R). */
  #forget(slot: number): void {
    const table = this.#table;
    const last = table.length - 1;
    let hole = this.#wanted(slot);
    while (table[hole] !== slot) hole = (hole + 1) & last;
    for (let next = (hole + 1) & last; table[next] !== NO_SLOT; next = (next + 1) & last) {
      if (((next - this.#wanted(table[next]!)) & last) < ((next - hole) & last)) continue;
      table[hole] = table[next]!;
      hole = next;
    }
    table[hole] = NO_SLOT;
    this.#entries -= 1;
  }

  #growSlots(): void {
    const digests = new Uint32Array(this.#digests.length * 2);
    digests.set(this.#digests);
    const references = new Uint32Array(this.#references.length * 2);
    references.set(this.#references);
    [this.#digests, this.#references] = [digests, references];
  }

  #growTable(): void {
    const old = this.#table;
    this.#table = new Uint32Array(old.length * 2);
    this.#entries = 0;
    for (const slot of old) if (slot !== NO_SLOT) this.#put(slot);
  }
}
