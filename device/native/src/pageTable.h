/* By address a slot for each page, in blocks of 512 pages (2 MB); blocks are found by hashing their number. */
#ifndef PAGE_TABLE_H
#define PAGE_TABLE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_PAGES 512u
#define BLOCK_SHIFT 21
#define NO_SLOT 0u

struct block {
  uint64_t number; /* address >> 21 */
  uint64_t seen[BLOCK_PAGES / 64];
  uint64_t dirty[BLOCK_PAGES / 64]; /* to be looked at, whatever the kernel says of them */
  uint32_t slots[BLOCK_PAGES];
};

struct page_table {
  struct block **buckets;
  size_t size, count;
};

static inline size_t bucket_of(const struct page_table *table, uint64_t number) {
  return (number * 0x9e3779b97f4a7c15ull >> 20) & (table->size - 1);
}

static int page_table_grow(struct page_table *table) {
  struct page_table larger = {.size = table->size ? table->size * 2 : 64};
  larger.buckets = calloc(larger.size, sizeof *larger.buckets);
  if (!larger.buckets) return -1;
  for (size_t i = 0; i < table->size; i++) {
    if (!table->buckets[i]) continue;
    size_t at = bucket_of(&larger, table->buckets[i]->number);
    while (larger.buckets[at]) at = (at + 1) & (larger.size - 1);
    larger.buckets[at] = table->buckets[i];
  }
  larger.count = table->count;
  free(table->buckets);
  *table = larger;
  return 0;
}

/* The block of that number; made when `make` is set. NULL when there is none, or no memory. */
static struct block *block_at(struct page_table *table, uint64_t number, int make) {
  if (table->size) {
    size_t at = bucket_of(table, number);
    for (; table->buckets[at]; at = (at + 1) & (table->size - 1))
      if (table->buckets[at]->number == number) return table->buckets[at];
  }
  if (!make || (table->count * 2 >= table->size && page_table_grow(table) < 0)) return NULL;
  struct block *block = calloc(1, sizeof *block);
  if (!block) return NULL;
  block->number = number;
  size_t at = bucket_of(table, number);
  while (table->buckets[at]) at = (at + 1) & (table->size - 1);
  table->buckets[at] = block;
  table->count++;
  return block;
}

#endif
