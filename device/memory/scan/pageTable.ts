import { NO_SLOT } from './records.ts';
import type { PageRange } from './readMappings.ts';

const BLOCK_PAGES = 512;

interface Block {
  slots: Uint32Array;
  /** 1: the page was there in this pass. */
  seen: Uint8Array;
}

/** Which slot each page of a process has, by page number; in blocks of 512 pages. */
export class PageTable {
  readonly #blocks = new Map<number, Block>();
  #last: { number: number; block: Block } | null = null;

  /** NO_SLOT for a page that was never set. */
  slot(page: number): number {
    return this.#block(page).slots[page % BLOCK_PAGES]!;
  }

  set(page: number, slot: number): void {
    this.#block(page).slots[page % BLOCK_PAGES] = slot;
  }

  markSeen({ start, end }: PageRange): void {
    for (let page = start; page < end; page++) this.#block(page).seen[page % BLOCK_PAGES] = 1;
  }

  /** Takes out the pages that were not seen since the last time, and gives them with the slots that they had. */
  *dropUnseen(): Generator<{ page: number; slot: number }> {
    for (const [number, { slots, seen }] of this.#blocks) {
      for (let index = 0; index < BLOCK_PAGES; index++) {
        const slot = slots[index]!;
        if (slot === NO_SLOT || seen[index] === 1) continue;
        slots[index] = NO_SLOT;
        yield { page: number * BLOCK_PAGES + index, slot };
      }
      seen.fill(0);
      if (slots.every((slot) => slot === NO_SLOT)) this.#blocks.delete(number);
    }
    this.#last = null;
  }

  #block(page: number): Block {
    const number = Math.floor(page / BLOCK_PAGES);
    if (this.#last?.number === number) return this.#last.block;
    let block = this.#blocks.get(number);
    if (!block) {
      block = { slots: new Uint32Array(BLOCK_PAGES), seen: new Uint8Array(BLOCK_PAGES) };
      this.#blocks.set(number, block);
    }
    this.#last = { number, block };
    return block;
  }
}
