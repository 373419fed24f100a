/* Private memory that comes, goes and moves. */
#define _GNU_SOURCE
#include "kinds.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EVERY_MS 3

/* ---- madvise: a page given back reads zero, one that is moved keeps its content */

#define ARENA 1024u
#define WINDOW 64u

static size_t pick_range(size_t *count) {
  *count = 1 + random_below(WINDOW);
  return random_below(ARENA - *count);
}

static void forget(struct pages *pages, size_t from, size_t count) {
  memset(pages->versions + from, 0, count * sizeof *pages->versions);
}

static void give_back(struct pages *pages, size_t from, size_t count) {
  if (madvise(pages->at + from * PAGE, count * PAGE, MADV_DONTNEED) < 0) failed("MADV_DONTNEED");
  forget(pages, from, count);
}

static void unmap_and_map(struct pages *pages, size_t from, size_t count) {
  void *at = pages->at + from * PAGE;
  if (munmap(at, count * PAGE) < 0) failed("munmap");
  if (mmap(at, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != at) failed("mmap");
  forget(pages, from, count);
}

/* mremap moves no range over several mappings, and neighbours are not merged while their memory is watched or filled in. */
static void move_pages(unsigned char *from, unsigned char *to, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (mremap(from + i * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + i * PAGE) != to + i * PAGE) failed("mremap");
}

/* Away and back: the pages are the same at both places. */
static void move_there_and_back(struct pages *pages, size_t from, size_t count) {
  unsigned char *home = pages->at + from * PAGE;
  unsigned char *away = mmap(NULL, count * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (away == MAP_FAILED) failed("mmap");
  move_pages(home, away, count);
  for (size_t i = 0; i < count; i++)
    if (!page_is(away + i * PAGE, pages->identity + from + i, pages->versions[from + i])) wrong("mremap: page %zu is lost where it was moved to", from + i);
  if (random_below(2)) sleep_ns(MS);
  move_pages(away, home, count);
}

static void protect(struct pages *pages, size_t from, size_t count) {
  unsigned char *at = pages->at + from * PAGE;
  if (mprotect(at, count * PAGE, PROT_NONE) < 0) failed("mprotect");
  if (random_below(2)) sleep_ns(MS);
  if (mprotect(at, count * PAGE, PROT_READ) < 0) failed("mprotect");
  for (size_t i = from; i < from + count; i++) check_page(pages, i, "mprotect");
  if (mprotect(at, count * PAGE, PROT_READ | PROT_WRITE) < 0) failed("mprotect");
}

/* Pages that the kernel may take, but only as a whole and only until they are written to. */
static void leave_to_kernel(struct pages *pages, size_t from, size_t count) {
  unsigned char *at = pages->at + from * PAGE;
  if (madvise(at, count * PAGE, MADV_FREE) < 0) failed("MADV_FREE");
  if (random_below(2)) sleep_ns(MS);
  for (size_t i = from; i < from + count; i++) {
    if (page_is(pages->at + i * PAGE, pages->identity + i, 0)) pages->versions[i] = 0;
    check_page(pages, i, "MADV_FREE");
    write_page(pages, i);
  }
}

void run_madvise(void) {
  static void (*const changes[])(struct pages *, size_t, size_t) = {give_back, unmap_and_map, move_there_and_back, protect, leave_to_kernel};
  unsigned char *at = mmap(NULL, ARENA * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) failed("mmap");
  struct pages pages = new_pages(at, ARENA, 7);
  for (size_t i = 0; i < ARENA; i++) write_page(&pages, i);
  for (;;) {
    size_t count, from = pick_range(&count);
    changes[random_below(sizeof changes / sizeof *changes)](&pages, from, count);
    /* What was given back is read before anything is written there. */
    for (size_t i = from; i < from + count; i++) check_page(&pages, i, "after a change of the mapping");
    for (size_t i = from; i < from + count; i += 1 + random_below(3)) write_page(&pages, i);
    work_on_pages(&pages, "memory that comes and goes");
    iterated(EVERY_MS);
  }
}

/* ---- split: one stretch of addresses that is many mappings */

#define PART 7u

void run_split(void) {
  unsigned char *at = mmap(NULL, ARENA * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) failed("mmap");
  struct pages pages = new_pages(at, ARENA, 9);
  for (size_t i = 0; i < ARENA; i++) write_page(&pages, i);
  for (size_t i = 0; i + PART <= ARENA; i += 2 * PART)
    if (madvise(at + i * PAGE, PART * PAGE, MADV_DONTFORK) < 0) failed("MADV_DONTFORK");
  for (;;) {
    work_on_pages(&pages, "memory in many mappings");
    iterated(EVERY_MS);
  }
}

/* ---- growing: the heap's end, mappings, and the stack */

#define DEEPEST 400

/* A page of each frame is checked on the way back. */
__attribute__((noinline)) static void recurse(int depth, uint64_t identity) {
  unsigned char page[PAGE];
  fill_page(page, identity + depth, 1);
  if (depth > 0) recurse(depth - 1, identity);
  else sleep_ns(2 * MS);
  if (!page_is(page, identity + depth, 1)) wrong("stack: the page at depth %d is lost", depth);
}

static void change_heap(struct pages *heap, size_t most) {
  size_t next = random_below(most);
  intptr_t by = ((intptr_t)next - (intptr_t)heap->count) * PAGE;
  if (sbrk(by) == (void *)-1) failed("sbrk");
  for (size_t i = heap->count; i < next; i++) {
    if (!page_is(heap->at + i * PAGE, 0, 0)) wrong("heap: page %zu is not zero though it is new", i);
    heap->versions[i] = 0;
    heap->count = i + 1;
    write_page(heap, i);
  }
  heap->count = next;
}

static void change_mapping(struct pages *mapped, size_t most) {
  size_t next = 1 + random_below(most - 1);
  mapped->at = mremap(mapped->at, mapped->count * PAGE, next * PAGE, MREMAP_MAYMOVE);
  if (mapped->at == MAP_FAILED) failed("mremap");
  for (size_t i = mapped->count; i < next; i++) {
    if (!page_is(mapped->at + i * PAGE, 0, 0)) wrong("mapping: page %zu is not zero though it is new", i);
    mapped->versions[i] = 0;
    mapped->count = i + 1;
    write_page(mapped, i);
  }
  mapped->count = next;
}

void run_growing(void) {
  enum { MOST = 512 };
  struct pages mapped = new_pages(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), MOST, 8);
  struct pages heap = new_pages(NULL, MOST, 9);
  if (mapped.at == MAP_FAILED) failed("mmap");
  mapped.count = 1;
  write_page(&mapped, 0);
  /* From here on nothing else may ask for heap. */
  uintptr_t end = (uintptr_t)sbrk(0), aligned = (end + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
  if (sbrk(aligned - end) == (void *)-1) failed("sbrk");
  heap.at = (void *)aligned;
  heap.count = 0;
  for (;;) {
    if (random_below(4) == 0) change_heap(&heap, MOST);
    if (random_below(4) == 0) change_mapping(&mapped, MOST);
    if (heap.count > 0) work_on_pages(&heap, "heap");
    /* The one page that is always there. */
    if (spoiled()) memset(mapped.at, 0, PAGE);
    work_on_pages(&mapped, "mapping that grows");
    recurse(random_below(DEEPEST), random_number());
    iterated(EVERY_MS);
  }
}
