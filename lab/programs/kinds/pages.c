#define _GNU_SOURCE
#include "kinds.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WORDS (PAGE / sizeof(uint64_t))
/* Of work_on_pages: pages a round, and how many rounds there are to one look at all of them. */
#define PAGES_A_ROUND 8
#define ROUNDS_A_LOOK 16
/* Of a version; below it is a count. */
#define OWNER_SHIFT 48

/* splitmix64 (Steele, Lea, Flood, 2014): every output is well mixed, whatever the state. */
static uint64_t mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

uint64_t random_number(void) {
  static __thread uint64_t state;
  static __thread pid_t seeded;
  /* Children go their own ways. */
  if (seeded != gettid()) seeded = gettid(), state = mixed(now_ns() ^ ((uint64_t)seeded << 40));
  return mixed(state += 0x9e3779b97f4a7c15ull);
}

uint64_t random_below(uint64_t bound) { return random_number() % bound; }

int64_t now_ns(void) {
  struct timespec time;
  if (clock_gettime(CLOCK_MONOTONIC, &time) < 0) failed("clock_gettime");
  return time.tv_sec * SECOND + time.tv_nsec;
}

void sleep_ns(int64_t ns) {
  if (ns <= 0) return;
  struct timespec time = {ns / SECOND, ns % SECOND};
  nanosleep(&time, NULL);
}

static uint64_t word(uint64_t identity, uint64_t version, size_t index) {
  return version == 0 ? 0 : mixed(mixed(identity) + version * 0x9e3779b97f4a7c15ull + index);
}

void fill_page(void *page, uint64_t identity, uint64_t version) {
  uint64_t *words = page;
  for (size_t i = 0; i < WORDS; i++) words[i] = word(identity, version, i);
}

int page_is(const void *page, uint64_t identity, uint64_t version) {
  const uint64_t *words = page;
  for (size_t i = 0; i < WORDS; i++)
    if (words[i] != word(identity, version, i)) return 0;
  return 1;
}

struct pages new_pages(void *at, size_t count, uint64_t identity) {
  struct pages pages = {at, count, identity << 32, 0, calloc(count, sizeof(uint64_t))};
  if (!pages.versions) failed("calloc");
  return pages;
}

void write_page(struct pages *pages, size_t index) {
  uint64_t *version = &pages->versions[index];
  *version = pages->owner << OWNER_SHIFT | ((*version + 1) & ((1ull << OWNER_SHIFT) - 1));
  fill_page(pages->at + index * PAGE, pages->identity + index, *version);
}

void check_page(const struct pages *pages, size_t index, const char *what) {
  const unsigned char *page = pages->at + index * PAGE;
  uint64_t version = pages->versions[index];
  if (page_is(page, pages->identity + index, version)) return;
  const char *state = "torn or foreign";
  if (page_is(page, pages->identity + index, 0)) state = "zero";
  for (uint64_t old = version; old-- > 1 && version - old < 1000;)
    if (page_is(page, pages->identity + index, old)) state = "of an older version";
  wrong("%s: page %zu of %zu is %s", what, index, pages->count, state);
}

void check_pages(const struct pages *pages, const char *what) {
  for (size_t i = 0; i < pages->count; i++) check_page(pages, i, what);
}

void work_on_pages(struct pages *pages, const char *what) {
  for (int i = 0; i < PAGES_A_ROUND; i++) {
    size_t index = random_below(pages->count);
    check_page(pages, index, what);
    write_page(pages, index);
  }
  if (random_below(ROUNDS_A_LOOK) == 0) check_pages(pages, what);
  /* What a move that loses a page leaves. */
  if (spoiled()) memset(pages->at + random_below(pages->count) * PAGE, 0, PAGE);
}

unsigned char stream_byte(uint64_t place) { return mixed(place / 8 + 1) >> (place % 8 * 8); }
