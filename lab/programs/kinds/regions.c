/* Memory that is one mapping: of a file, of nothing, shared or not. */
#define _GNU_SOURCE
#include "kinds.h"
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT 512u
#define BYTES (COUNT * PAGE)
#define EVERY_MS 4

static unsigned char *map(size_t bytes, int flags, int fd) {
  unsigned char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
  if (at == MAP_FAILED) failed("mmap");
  return at;
}

static int make_file(const char *path, size_t bytes) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) failed(path);
  if (ftruncate(fd, bytes) < 0) failed("ftruncate");
  return fd;
}

static void write_all(struct pages *pages) {
  for (size_t i = 0; i < pages->count; i++) write_page(pages, i);
}

/* What the mapping has must be what reading the file gives. */
static void compare_with_file(int fd, const struct pages *pages, size_t index, const char *what) {
  unsigned char page[PAGE];
  if (pread(fd, page, PAGE, index * PAGE) != PAGE) failed("pread");
  if (memcmp(page, pages->at + index * PAGE, PAGE)) wrong("%s: page %zu differs between file and mapping", what, index);
}

/* A page in eight is written to, the others stay the file's. */
void run_mmap_private(void) {
  int fd = make_file("/data/private", BYTES);
  unsigned char page[PAGE];
  for (size_t i = 0; i < COUNT; i++) {
    fill_page(page, i, 1);
    if (pwrite(fd, page, PAGE, i * PAGE) != PAGE) failed("pwrite");
  }
  unsigned char *at = map(BYTES, MAP_PRIVATE, fd);
  uint64_t versions[COUNT];
  for (size_t i = 0; i < COUNT; i++) versions[i] = 1;
  for (;;) {
    for (int i = 0; i < 8; i++) {
      size_t index = random_below(COUNT / 8) * 8;
      fill_page(at + index * PAGE, index, ++versions[index]);
    }
    if (spoiled()) fill_page(at, 0, 1);
    for (size_t i = random_below(8); i < COUNT; i += 8)
      if (!page_is(at + i * PAGE, i, versions[i])) wrong("private pages: page %zu is not of version %d", i, (int)versions[i]);
    size_t index = random_below(COUNT);
    if (pread(fd, page, PAGE, index * PAGE) != PAGE) failed("pread");
    if (!page_is(page, index, 1)) wrong("private pages: page %zu of the file has changed", index);
    if (!page_is(at, 0, versions[0])) wrong("private pages: page 0 is lost");
    iterated(EVERY_MS);
  }
}

/* Written through one mapping, read through another and from the file, opened anew each time. */
static void work_on_shared_file(const char *path, const char *what) {
  int fd = make_file(path, BYTES);
  struct pages pages = new_pages(map(BYTES, MAP_SHARED, fd), COUNT, 2);
  write_all(&pages);
  struct pages other = pages;
  other.at = map(BYTES, MAP_SHARED, fd);
  for (;;) {
    work_on_pages(&pages, what);
    check_page(&other, random_below(COUNT), what);
    int again = open(path, O_RDONLY | O_CLOEXEC);
    if (again < 0) failed(path);
    compare_with_file(again, &pages, random_below(COUNT), what);
    close(again);
    iterated(EVERY_MS);
  }
}

void run_mmap_shared(void) { work_on_shared_file("/data/shared", "shared file"); }

/* A page that nobody can change any more. */
static int sealed_file(void) {
  int fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  unsigned char page[PAGE];
  fill_page(page, 77, 1);
  if (fd < 0 || write(fd, page, PAGE) != PAGE) failed("memfd_create");
  if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) failed("F_ADD_SEALS");
  return fd;
}

static void check_sealed(int fd) {
  unsigned char page[PAGE];
  if (pread(fd, page, PAGE, 0) != PAGE || !page_is(page, 77, 1)) wrong("sealed memfd: its content has changed");
  if (fcntl(fd, F_GET_SEALS) != (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)) wrong("sealed memfd: its seals have changed");
  if (ftruncate(fd, 0) == 0 || errno != EPERM) wrong("sealed memfd: it can be shrunk");
}

/* Grows by pages and shrinks again behind the part that is mapped. */
static void change_length(int fd, size_t *extra) {
  struct stat info;
  if (fstat(fd, &info) < 0) failed("fstat");
  if ((size_t)info.st_size != BYTES + *extra * PAGE) wrong("memfd: its length is %zu", (size_t)info.st_size);
  unsigned char page[PAGE];
  for (size_t i = 0; i < *extra; i++)
    if (pread(fd, page, PAGE, BYTES + i * PAGE) != PAGE || !page_is(page, 900 + i, 1)) wrong("memfd: page %zu of its tail is lost", i);
  size_t next = random_below(16);
  if (ftruncate(fd, BYTES + next * PAGE) < 0) failed("ftruncate");
  for (size_t i = *extra; i < next; i++) {
    fill_page(page, 900 + i, 1);
    if (pwrite(fd, page, PAGE, BYTES + i * PAGE) != PAGE) failed("pwrite");
  }
  *extra = next;
}

void run_memfd(void) {
  int fd = memfd_create("kinds", MFD_CLOEXEC), sealed = sealed_file();
  if (fd < 0) failed("memfd_create");
  if (ftruncate(fd, BYTES) < 0) failed("ftruncate");
  struct pages pages = new_pages(map(BYTES, MAP_SHARED, fd), COUNT, 3);
  write_all(&pages);
  for (size_t extra = 0;;) {
    work_on_pages(&pages, "memfd");
    compare_with_file(fd, &pages, random_below(COUNT), "memfd");
    change_length(fd, &extra);
    check_sealed(sealed);
    iterated(EVERY_MS);
  }
}

/* ---- POSIX shared memory: one with a name, one whose name is gone, and a named semaphore between two processes */

struct turns {
  sem_t *mine, *theirs;
};

static struct turns open_turns(int first) {
  sem_t *one = sem_open("/kinds-one", O_CREAT, 0600, 1), *two = sem_open("/kinds-two", O_CREAT, 0600, 0);
  if (one == SEM_FAILED || two == SEM_FAILED) failed("sem_open");
  return first ? (struct turns){one, two} : (struct turns){two, one};
}

static void wait_turn(struct turns *turns) {
  while (sem_wait(turns->mine) < 0)
    if (errno != EINTR) failed("sem_wait");
}

static void pass_turn(struct turns *turns) {
  if (sem_post(turns->theirs) < 0) failed("sem_post");
}

/* The child adds one to what the parent has written, each in its turn. */
static void child_of_dev_shm(volatile uint64_t *number) {
  struct turns turns = open_turns(0);
  for (uint64_t expected = 1;; expected += 2) {
    wait_turn(&turns);
    if (*number != expected) wrong("named shared memory: the child reads %llu, not %llu", (unsigned long long)*number, (unsigned long long)expected);
    *number = expected + 1;
    pass_turn(&turns);
  }
}

void run_dev_shm(void) {
  int named = shm_open("/kinds", O_RDWR | O_CREAT, 0600), nameless = shm_open("/kinds-gone", O_RDWR | O_CREAT, 0600);
  if (named < 0 || nameless < 0 || shm_unlink("/kinds-gone") < 0) failed("shm_open");
  if (ftruncate(named, BYTES + PAGE) < 0 || ftruncate(nameless, BYTES) < 0) failed("ftruncate");
  struct pages pages = new_pages(map(BYTES + PAGE, MAP_SHARED, named), COUNT, 4);
  struct pages gone = new_pages(map(BYTES, MAP_SHARED, nameless), COUNT, 5);
  write_all(&pages);
  write_all(&gone);
  volatile uint64_t *number = (void *)(pages.at + BYTES);
  /* Whoever makes a semaphore has it mapped by a name that is gone; the other may be made by either. */
  if (sem_open("/kinds-one", O_CREAT, 0600, 1) == SEM_FAILED) failed("sem_open");
  if (fork_checker() == 0) child_of_dev_shm(number);
  struct turns turns = open_turns(1);
  for (uint64_t expected = 0;; expected += 2) {
    wait_turn(&turns);
    if (*number != expected) wrong("named shared memory: the parent reads %llu, not %llu", (unsigned long long)*number, (unsigned long long)expected);
    *number = expected + 1;
    pass_turn(&turns);
    work_on_pages(&pages, "named shared memory");
    work_on_pages(&gone, "nameless shared memory");
    compare_with_file(named, &pages, random_below(COUNT), "named shared memory");
    iterated(EVERY_MS);
  }
}
