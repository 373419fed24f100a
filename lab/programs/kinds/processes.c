/* Threads and processes. */
#define _GNU_SOURCE
#include "kinds.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVERY_MS 4

/* ---- threads */

#define THREADS 8
/* Nobody waits longer for anything here, unless a wake-up was lost. */
#define PATIENCE_S 20

static __thread uint64_t thread_canary;
static __thread unsigned char thread_page[PAGE];

static struct {
  pthread_mutex_t lock;
  pthread_cond_t turned;
  int turn;
  uint64_t turns, by_thread[THREADS];
} ring = {.lock = PTHREAD_MUTEX_INITIALIZER, .turned = PTHREAD_COND_INITIALIZER};

static pthread_mutex_t robust;

struct self {
  int index;
  pid_t tid;
  pthread_t thread;
  char name[16];
  sigset_t blocked;
};

static void remember(struct self *self) {
  self->tid = gettid();
  self->thread = pthread_self();
  thread_canary = 0x1234567800ull + self->index;
  fill_page(thread_page, self->index, 1);
  snprintf(self->name, sizeof self->name, "kinds-%d", self->index);
  pthread_setname_np(self->thread, self->name);
  sigemptyset(&self->blocked);
  sigaddset(&self->blocked, SIGRTMIN + self->index);
  pthread_sigmask(SIG_BLOCK, &self->blocked, NULL);
}

static void check_self(const struct self *self, uint64_t version) {
  char name[16];
  sigset_t blocked;
  if (gettid() != self->tid || pthread_self() != self->thread) wrong("thread %d: its id has changed", self->index);
  if (thread_canary != 0x1234567800ull + self->index || !page_is(thread_page, self->index, version)) wrong("thread %d: its own storage is lost", self->index);
  if (prctl(PR_GET_NAME, name) < 0 || strcmp(name, self->name)) wrong("thread %d: its name is %s", self->index, name);
  pthread_sigmask(SIG_SETMASK, NULL, &blocked);
  for (int i = 0; i < THREADS; i++)
    if (sigismember(&blocked, SIGRTMIN + i) != (i == self->index)) wrong("thread %d: its signal mask has changed", self->index);
}

/* Waits for its turn, counts it, gives it on. */
static void take_turn(int index) {
  struct timespec late;
  clock_gettime(CLOCK_REALTIME, &late);
  late.tv_sec += PATIENCE_S;
  int64_t began = now_ns();
  pthread_mutex_lock(&ring.lock);
  while (ring.turn != index) {
    int error = pthread_cond_timedwait(&ring.turned, &ring.lock, &late);
    /* The wall clock may jump in a move; the compute's own does not. */
    if (error == ETIMEDOUT && now_ns() - began > PATIENCE_S * SECOND) wrong("thread %d: a wake-up was lost", index);
  }
  ring.turn = (index + 1) % THREADS;
  ring.turns++;
  ring.by_thread[index]++;
  uint64_t sum = 0;
  for (int i = 0; i < THREADS; i++) sum += ring.by_thread[i];
  if (sum != ring.turns) wrong("threads: %d turns by thread, %d in all", (int)sum, (int)ring.turns);
  pthread_cond_broadcast(&ring.turned);
  pthread_mutex_unlock(&ring.lock);
}

static void *die_with_lock(void *unused) {
  pthread_mutex_lock(&robust);
  return unused;
}

/* A thread that dies while it holds a robust mutex leaves it to the next, who is told. */
static void inherit_lock(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, die_with_lock, NULL)) failed("pthread_create");
  pthread_join(thread, NULL);
  if (pthread_mutex_lock(&robust) != EOWNERDEAD) wrong("robust mutex: its owner's death was not told");
  pthread_mutex_consistent(&robust);
  pthread_mutex_unlock(&robust);
}

static void *live(void *given) {
  struct self self = {.index = (intptr_t)given};
  remember(&self);
  for (uint64_t version = 1;; version++) {
    take_turn(self.index);
    check_self(&self, version);
    if (self.index == 3 && spoiled()) thread_canary = 0;
    fill_page(thread_page, self.index, version + 1);
    counted();
  }
  return NULL;
}

void run_threads(void) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&robust, &attributes);
  for (intptr_t i = 1; i < THREADS; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, live, (void *)i)) failed("pthread_create");
  }
  struct self self = {.index = 0};
  remember(&self);
  for (uint64_t version = 1;; version++) {
    take_turn(0);
    check_self(&self, version);
    fill_page(thread_page, 0, version + 1);
    inherit_lock();
    iterated(EVERY_MS);
  }
}

/* ---- forks: processes that share pages until one of them writes, and forks at all times */

#define CHILDREN 3
#define COUNT 512u
#define SHORT_LIVED_CODE 42

/* Sees what its parent had at the fork, whatever the parent does meanwhile, and nobody sees what it writes. */
__attribute__((noreturn)) static void live_shortly(struct pages *pages) {
  check_pages(pages, "forked memory");
  pages->owner += CHILDREN + 1;
  for (size_t i = random_below(16); i < COUNT; i += 16) write_page(pages, i);
  check_pages(pages, "forked memory after writing");
  counted();
  _exit(SHORT_LIVED_CODE);
}

static void reap(pid_t pid) {
  int status;
  while (waitpid(pid, &status, 0) != pid)
    if (errno != EINTR) failed("waitpid");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != SHORT_LIVED_CODE) wrong("forks: a child ended with status %x", status);
}

__attribute__((noreturn)) static void live_and_fork(struct pages *pages) {
  pid_t me = getpid(), parent = getppid();
  for (;;) {
    pid_t child = fork_checker();
    if (child == 0) live_shortly(pages);
    work_on_pages(pages, "memory shared until written to");
    reap(child);
    if (getpid() != me || getppid() != parent) wrong("forks: process %d is now %d, its parent %d", me, getpid(), getppid());
    iterated(2 * EVERY_MS);
  }
}

void run_forks(void) {
  unsigned char *at = mmap(NULL, COUNT * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) failed("mmap");
  struct pages pages = new_pages(at, COUNT, 10);
  for (size_t i = 0; i < COUNT; i++) write_page(&pages, i);
  for (int i = 0; i < CHILDREN; i++) {
    if (fork_checker() != 0) continue;
    pages.owner = i + 1;
    live_and_fork(&pages);
  }
  live_and_fork(&pages);
}
