/*
 * kinds KIND: keeps state in one kind of memory or kernel object, changes it and checks it for ever.
 *
 * TCP port 7000, a request per line:   stat SEQ   ->   SEQ KIND ok ITERATIONS    or    SEQ KIND WRONG: why
 *                                      spoil SEQ  makes the kind damage its own state, so that a test can see it found out.
 *
 * The kind runs in the main thread (its stack can grow) and in children; a second thread answers. Children count in shared
 * memory, which is itself something that a move can damage: it begins with a mark, and its count never goes back.
 */
#define _GNU_SOURCE
#include "kinds.h"
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 7000
#define CONNECTIONS 32
#define MARK 0x6b696e64736d61ull

static const struct kind kinds[] = {
    {"threads", run_threads},         {"forks", run_forks},     {"mmap-private", run_mmap_private},
    {"mmap-shared", run_mmap_shared}, {"shared-anon", run_shared_anon}, {"memfd", run_memfd},
    {"sysv", run_sysv},               {"tmpfs", run_tmpfs},     {"dev-shm", run_dev_shm},
    {"pipes", run_pipes},             {"epoll", run_epoll},     {"timers", run_timers},
    {"unix", run_unix},               {"udp", run_udp},         {"madvise", run_madvise},
    {"split", run_split},
    {"growing", run_growing}, {"semaphore", run_semaphore},
};

struct report {
  uint64_t mark;
  _Atomic uint64_t iterations;
  atomic_int spoil, claimed, complete;
  char why[256];
};

static const struct kind *kind;
static struct report *report;
static pid_t answering;

/* ---- what kinds tell */

void counted(void) { atomic_fetch_add(&report->iterations, 1); }

void iterated(unsigned milliseconds) {
  static int64_t due;
  counted();
  int64_t now = now_ns();
  due = due + milliseconds * MS > now ? due + milliseconds * MS : now;
  sleep_ns(due - now);
}

void wrong(const char *format, ...) {
  /* Only the first difference is told: what follows from it is no news. */
  if (!atomic_exchange(&report->claimed, 1)) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report->why, sizeof report->why, format, arguments);
    va_end(arguments);
    atomic_store(&report->complete, 1);
    printf("WRONG: %s\n", report->why);
    fflush(stdout);
  }
  if (getpid() != answering) _exit(1);
  for (;;) pause();
}

void failed(const char *call) { wrong("%s: %s", call, strerror(errno)); }

int spoiled(void) {
  int one = 1;
  return atomic_compare_exchange_strong(&report->spoil, &one, 0);
}

int fork_checker(void) {
  pid_t pid = fork();
  if (pid < 0) failed("fork");
  /* A parent that is gone must not leave children that go on counting. */
  if (pid == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
  return pid;
}

/* ---- the thread that answers */

struct connection {
  int fd;
  size_t got;
  char in[256];
};

static int describe(char *text, size_t room, const char *sequence) {
  static uint64_t seen;
  uint64_t iterations = atomic_load(&report->iterations);
  if (report->mark != MARK || iterations < seen)
    return snprintf(text, room, "%s %s WRONG: the report's own shared memory is damaged\n", sequence, kind->name);
  seen = iterations;
  if (atomic_load(&report->complete))
    return snprintf(text, room, "%s %s WRONG: %s\n", sequence, kind->name, report->why);
  return snprintf(text, room, "%s %s ok %" PRIu64 "\n", sequence, kind->name, iterations);
}

static void answer_line(int fd, char *line) {
  char text[512], verb[8], sequence[32], rest;
  int length;
  if (sscanf(line, "%7s %31[0-9]%c", verb, sequence, &rest) != 2 || (strcmp(verb, "stat") && strcmp(verb, "spoil"))) {
    length = snprintf(text, sizeof text, "error: stat SEQ or spoil SEQ\n");
  } else {
    if (verb[1] == 'p') atomic_store(&report->spoil, 1);
    length = describe(text, sizeof text, sequence);
  }
  /* An answer is small and asked for: one that does not fit is of somebody who reads nothing. */
  if (send(fd, text, length, MSG_NOSIGNAL | MSG_DONTWAIT) != length) shutdown(fd, SHUT_RDWR);
}

/* 0 when the connection is over. */
static int serve(struct connection *c) {
  ssize_t length = read(c->fd, c->in + c->got, sizeof c->in - c->got);
  if (length <= 0) return length < 0 && (errno == EINTR || errno == EAGAIN);
  c->got += length;
  char *line = c->in, *end;
  while ((end = memchr(line, '\n', c->in + c->got - line))) {
    *end = 0;
    answer_line(c->fd, line);
    line = end + 1;
  }
  c->got -= line - c->in;
  memmove(c->in, line, c->got);
  return c->got < sizeof c->in;
}

static int listen_here(void) {
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
      bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, CONNECTIONS) < 0) {
    perror("port 7000");
    exit(1);
  }
  return fd;
}

static void *answer(void *unused) {
  (void)unused;
  static struct connection connections[CONNECTIONS];
  struct pollfd polled[CONNECTIONS + 1] = {{.fd = listen_here(), .events = POLLIN}};
  int open = 0, one = 1;
  for (;;) {
    for (int i = 0; i < open; i++) polled[i + 1] = (struct pollfd){.fd = connections[i].fd, .events = POLLIN};
    if (poll(polled, open + 1, -1) < 0 && errno != EINTR) failed("poll");
    for (int i = open - 1; i >= 0; i--) {
      if (!polled[i + 1].revents || serve(&connections[i])) continue;
      close(connections[i].fd);
      connections[i] = connections[--open];
    }
    if (!(polled[0].revents & POLLIN)) continue;
    int fd = accept4(polled[0].fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) continue;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (open < CONNECTIONS) connections[open++] = (struct connection){.fd = fd};
    else close(fd);
  }
  return NULL;
}

/* ---- */

static void end(int signal) {
  (void)signal;
  _exit(0);
}

int main(int argc, char **argv) {
  for (size_t i = 0; argc == 2 && i < sizeof kinds / sizeof *kinds; i++)
    if (!strcmp(kinds[i].name, argv[1])) kind = &kinds[i];
  if (!kind) {
    fprintf(stderr, "usage: kinds KIND; one of");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) fprintf(stderr, " %s", kinds[i].name);
    fprintf(stderr, "\n");
    return 2;
  }
  report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (report == MAP_FAILED) return perror("mmap"), 1;
  report->mark = MARK;
  answering = getpid();
  signal(SIGTERM, end);
  signal(SIGPIPE, SIG_IGN);

  /* Signals are the kind's: the thread that answers has all of them blocked. */
  sigset_t all, before;
  pthread_t thread;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  if (pthread_create(&thread, NULL, answer, NULL)) return perror("pthread_create"), 1;
  pthread_sigmask(SIG_SETMASK, &before, NULL);

  printf("ready, %s\n", kind->name);
  fflush(stdout);
  kind->run();
  wrong("the kind has ended");
}
