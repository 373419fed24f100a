/*
 * Small programs, one for each kind of memory and kernel object, that check themselves for ever; see main.c.
 *
 * A kind's function never returns. It keeps state in its object, changes it, and compares all of it with what it must be;
 * what it must be is held in ordinary private memory or follows from arithmetic. `iterated` after each round, `wrong` at
 * the first difference.
 */
#ifndef KINDS_H
#define KINDS_H

#include <stddef.h>
#include <stdint.h>

#define PAGE 4096
#define MS 1000000ll
#define SECOND (1000 * MS)

/* ---- main.c */

struct kind {
  const char *name;
  void (*run)(void);
};

/* One more round was as it must be; waits until `milliseconds` have passed since the round before. */
void iterated(unsigned milliseconds);
/* A round by a child, which keeps its own time. */
void counted(void);
/* Records the first difference and ends this process's part. */
__attribute__((noreturn, format(printf, 1, 2))) void wrong(const char *format, ...);
/* `wrong` with the words of errno: a system call that must not fail did. */
__attribute__((noreturn)) void failed(const char *call);
/* True once after the request `spoil`: the kind then damages its own state as a faulty move would. */
int spoiled(void);

/* A fork whose child is not the one that answers requests. */
int fork_checker(void);

/* ---- pages.c */

uint64_t random_number(void);
uint64_t random_below(uint64_t bound);
/* The clock that goes on with the compute, nanoseconds. */
int64_t now_ns(void);
void sleep_ns(int64_t ns);

/* Fills a page with what only this identity and version have; version 0 is a page of zeros. */
void fill_page(void *page, uint64_t identity, uint64_t version);
int page_is(const void *page, uint64_t identity, uint64_t version);

/* Pages that are written to one by one; `versions` is what they must hold. No two owners write the same content. */
struct pages {
  unsigned char *at;
  size_t count;
  uint64_t identity, owner;
  uint64_t *versions;
};

struct pages new_pages(void *at, size_t count, uint64_t identity);
void write_page(struct pages *pages, size_t index);
void check_page(const struct pages *pages, size_t index, const char *what);
void check_pages(const struct pages *pages, const char *what);
/* One round: some pages looked at and written to, now and then all looked at. */
void work_on_pages(struct pages *pages, const char *what);

/* The byte at a place of a stream that repeats with no period shorter than 2^32. */
unsigned char stream_byte(uint64_t place);

/* ---- one file each */

void run_threads(void);
void run_forks(void);
void run_mmap_private(void);
void run_mmap_shared(void);
void run_shared_anon(void);
void run_memfd(void);
void run_sysv(void);
void run_tmpfs(void);
void run_dev_shm(void);
void run_pipes(void);
void run_epoll(void);
void run_semaphore(void);
void run_timers(void);
void run_unix(void);
void run_udp(void);
void run_madvise(void);
void run_split(void);
void run_growing(void);

#endif
