/*
 * The stream of pages from a source to a target, all numbers little-endian. The source gives every page content a slot; the
 * target keeps contents by slot, and by process and address which slot a page has. Slot 0 is the page of zeros and never
 * sent. The order counts: a slot is filled before it is named.
 *
 *   PAGES   count slots (u32, padded to 8 bytes), count pages: these slots have this content; unless process is 0, the pages
 *           from `address` on have these slots
 *   REFS    count slots (padded): the pages from `address` on have these slots
 *   IMAGE   `extra` bytes of name (padded), count slots (padded): the file of that name holds the pages of these slots
 *   ROUND   end of a round numbered `address`; the target answers when it has all of it
 *   FINAL   nothing more changes: count processes, `address` is the sum over all pages (see mix)
 *
 * `process` is the process's number in its own namespace, as in CRIU's images.
 */
#ifndef RECORDS_H
#define RECORDS_H

#include <stdint.h>

#define PAGE_SIZE_ 4096u

enum record_kind { RECORD_PAGES = 1, RECORD_REFS = 2, RECORD_IMAGE = 3, RECORD_ROUND = 4, RECORD_FINAL = 5 };

struct record {
  uint32_t kind, count, process, extra;
  uint64_t address;
};

/* Most pages of one record. */
#define RECORD_PAGES_MAX 512u
/* Most slots of one IMAGE record: a file of 4 GB. */
#define RECORD_IMAGE_MAX (1u << 20)

static inline uint64_t padded(uint64_t bytes) { return (bytes + 7) & ~7ull; }

/*
 * What one page adds to the sum that source and target keep; the sums differ when their maps do. The mixing is that of
 * splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
 */
static inline uint64_t mix(uint32_t process, uint64_t address, uint32_t slot) {
  if (slot == 0) return 0;
  uint64_t z = address + ((uint64_t)process << 48) + (uint64_t)slot * 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

#endif
