/* What tells a program that something has happened: epoll, eventfd, timers. */
#define _GNU_SOURCE
#include "kinds.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* Nothing here is waited for longer, unless it was lost. */
#define LOST_MS 5000
#define EVERY_MS 4

/* ---- epoll */

static void watch(int poller, int fd, uint32_t events, uint64_t mark) {
  struct epoll_event event = {.events = events, .data.u64 = mark};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0) failed("epoll_ctl");
}

/* The child writes all the time: bytes by the pipe, counts by the two counters. Each round waits for the answer before it. */
__attribute__((noreturn)) static void produce(int pipe_end, int counter, int inner, int back) {
  for (uint64_t round = 0;; round++) {
    uint64_t one = 1 + round % 5, three = 3;
    unsigned char bytes[3] = {stream_byte(3 * round), stream_byte(3 * round + 1), stream_byte(3 * round + 2)};
    if (write(pipe_end, bytes, 3) != 3 || write(counter, &one, 8) != 8 || write(inner, &three, 8) != 8) failed("write");
    sleep_ns(EVERY_MS * MS);
    if (read(back, &one, 8) != 8 || one != 1) wrong("eventfd: the answer is %d", (int)one);
  }
}

struct consumer {
  int pipe_end, counter, inner;
  uint64_t place, round;
  int bytes, counted, permits;
};

/* What an edge has told of is read to its end: another edge comes only with something new. */
static void consume(struct consumer *c, uint64_t mark) {
  unsigned char bytes[16];
  uint64_t value;
  ssize_t length;
  switch (mark) {
    case 0xfeed0001:
      while ((length = read(c->pipe_end, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < length; i++, c->place++, c->bytes++)
          if (bytes[i] != stream_byte(c->place)) wrong("epoll: byte %d is not what was written", (int)c->place);
      return;
    case 0xfeed0002:
      if (read(c->counter, &value, 8) == 8) c->counted += value;
      return;
    case 0xfeed0003:
      while (read(c->inner, &value, 8) == 8) c->permits += value;
      return;
    default:
      wrong("epoll: data %" PRIx64 " is nobody's", mark);
  }
}

static void one_round(struct consumer *c, int outer, int inner) {
  int64_t began = now_ns();
  while (c->bytes < 3 || c->counted == 0 || c->permits < 3) {
    struct epoll_event event;
    int ready = epoll_wait(outer, &event, 1, 100);
    if (ready < 0 && errno != EINTR) failed("epoll_wait");
    if (now_ns() - began > LOST_MS * MS) wrong("epoll: an event was lost; %d bytes, %d counts, %d permits came", c->bytes, c->counted, c->permits);
    if (ready <= 0) continue;
    if (event.data.u64 != 0xfeed0004) {
      consume(c, event.data.u64);
      continue;
    }
    /* The set in the set. */
    while (epoll_wait(inner, &event, 1, 0) == 1) consume(c, event.data.u64);
  }
  if (c->bytes != 3 || c->counted != (int)(1 + c->round % 5) || c->permits != 3) wrong("epoll: %d bytes, %d counts, %d permits in round %d", c->bytes, c->counted, c->permits, (int)c->round);
  c->bytes = c->counted = c->permits = 0;
  c->round++;
}

void run_epoll(void) {
  int ends[2], back = eventfd(0, EFD_CLOEXEC), outer = epoll_create1(EPOLL_CLOEXEC), inner = epoll_create1(EPOLL_CLOEXEC);
  struct consumer c = {.counter = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .inner = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
  if (pipe2(ends, O_CLOEXEC) < 0 || back < 0 || outer < 0 || inner < 0 || c.counter < 0 || c.inner < 0) failed("pipe2, eventfd, epoll_create1");
  c.pipe_end = ends[0];
  if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) failed("F_SETFL");
  watch(outer, c.pipe_end, EPOLLIN | EPOLLET, 0xfeed0001);
  watch(outer, c.counter, EPOLLIN | EPOLLET, 0xfeed0002);
  watch(inner, c.inner, EPOLLIN | EPOLLET, 0xfeed0003);
  watch(outer, inner, EPOLLIN, 0xfeed0004);
  if (fork_checker() == 0) produce(ends[1], c.counter, c.inner, back);
  for (;;) {
    one_round(&c, outer, inner);
    uint64_t answer = spoiled() ? 2 : 1;
    if (write(back, &answer, 8) != 8) failed("write");
    iterated(0);
  }
}

/* ---- an eventfd as a semaphore, of which CRIU forgets that it is one: such a compute must not be moved */

void run_semaphore(void) {
  int semaphore = eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE | EFD_CLOEXEC);
  if (semaphore < 0) failed("eventfd");
  for (;;) {
    uint64_t value = spoiled() ? 4 : 3, permits = 0;
    if (write(semaphore, &value, 8) != 8) failed("write");
    while (read(semaphore, &value, 8) == 8) permits += value == 1 ? 1 : 100;
    if (permits != 3) wrong("eventfd: a semaphore gave %d permits, not 3", (int)permits);
    iterated(EVERY_MS);
  }
}

/* ---- timers: none fires before its time, and each does */

#define PERIOD_NS (20 * MS)
/* A move holds a compute up, a busy machine too; later than this is never. */
#define LATE_NS (LOST_MS * MS)

static _Atomic uint64_t posix_fired, alarm_fired;
static timer_t posix_timer;

static void on_posix(int signal) {
  (void)signal;
  atomic_fetch_add(&posix_fired, 1 + timer_getoverrun(posix_timer));
}

static void on_alarm(int signal) {
  (void)signal;
  atomic_fetch_add(&alarm_fired, 1);
}

static struct timespec to_timespec(int64_t ns) { return (struct timespec){ns / SECOND, ns % SECOND}; }

/* A periodic timer that began at `began` cannot have fired more often than this. */
static void check_count(uint64_t fired, int64_t began, int64_t period, const char *what) {
  int64_t most = (now_ns() - began) / period;
  if ((int64_t)fired > most) wrong("%s: fired %d times, at most %d periods have passed", what, (int)fired, (int)most);
}

/* Each of these fires once, at a time picked at random, and is then set again. */
struct once {
  int fd;
  int64_t due;
};

static void set_once(struct once *timer) {
  timer->due = now_ns() + MS + random_below(800 * MS);
  struct itimerspec when = {.it_value = to_timespec(timer->due)};
  if (timerfd_settime(timer->fd, TFD_TIMER_ABSTIME, &when, NULL) < 0) failed("timerfd_settime");
}

static void check_once(struct once *timer) {
  uint64_t times;
  int fired = read(timer->fd, &times, sizeof times) == sizeof times;
  int64_t now = now_ns();
  if (fired && now < timer->due) wrong("timerfd: fired %d us too early", (int)((timer->due - now) / 1000));
  if (!fired && now > timer->due + LATE_NS) wrong("timerfd: it was lost");
  if (fired) set_once(timer);
}

static void check_sleep(int absolute) {
  int64_t due = now_ns() + random_below(8 * MS);
  struct timespec time = to_timespec(absolute ? due : due - now_ns() > 0 ? due - now_ns() : 0);
  int error;
  while ((error = clock_nanosleep(CLOCK_MONOTONIC, absolute ? TIMER_ABSTIME : 0, &time, &time)) == EINTR) continue;
  if (error) errno = error, failed("clock_nanosleep");
  /* What is left of an interrupted sleep is counted by the kernel from a slightly later moment, never from an earlier one. */
  if (now_ns() < due) wrong("nanosleep: woke %d us too early", (int)((due - now_ns()) / 1000));
}

static void handle(int signal, void (*handler)(int)) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
  if (sigaction(signal, &action, NULL) < 0) failed("sigaction");
}

/* Counts of the periodic timers go on: none may stand still. */
static void check_progress(const uint64_t counts[4]) {
  static uint64_t seen[4];
  static int64_t since[4];
  static const char *const names[4] = {"timerfd", "timerfd that is read late", "POSIX timer", "interval timer"};
  int64_t now = now_ns();
  for (int i = 0; i < 4; i++) {
    if (counts[i] != seen[i] || since[i] == 0) seen[i] = counts[i], since[i] = now;
    if (now - since[i] > LATE_NS) wrong("%s: it fires no more", names[i]);
  }
}

/* Opens one that fires every PERIOD_NS. */
static int open_periodic(void) {
  struct itimerspec every = {to_timespec(PERIOD_NS), to_timespec(PERIOD_NS)};
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0 || timerfd_settime(fd, 0, &every, NULL) < 0) failed("timerfd");
  return fd;
}

static uint64_t read_times(int fd) {
  uint64_t times;
  return read(fd, &times, sizeof times) == sizeof times ? times : 0;
}

void run_timers(void) {
  enum { ONCE = 8 };
  struct once timers[ONCE];
  struct itimerspec every = {to_timespec(PERIOD_NS), to_timespec(PERIOD_NS)};
  struct itimerval alarms = {{0, PERIOD_NS / 1000}, {0, PERIOD_NS / 1000}};
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3};
  handle(SIGRTMIN + 3, on_posix);
  handle(SIGALRM, on_alarm);
  for (int i = 0; i < ONCE; i++) {
    timers[i].fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (timers[i].fd < 0) failed("timerfd_create");
    set_once(&timers[i]);
  }
  int64_t began = now_ns();
  int periodic = open_periodic(), late = open_periodic();
  if (timer_create(CLOCK_MONOTONIC, &event, &posix_timer) < 0 || timer_settime(posix_timer, 0, &every, NULL) < 0) failed("timer_create");
  if (setitimer(ITIMER_REAL, &alarms, NULL) < 0) failed("setitimer");
  for (uint64_t expired = 0, late_expired = 0, round = 0;; round++) {
    expired += read_times(periodic);
    /* Most of the time it has expired and waits to be read. */
    if (random_below(64) == 0) late_expired += read_times(late);
    if (spoiled()) expired += 1000000;
    check_count(expired, began, PERIOD_NS, "timerfd");
    check_count(late_expired, began, PERIOD_NS, "timerfd that is read late");
    check_count(posix_fired, began, PERIOD_NS, "POSIX timer");
    check_count(alarm_fired, began, PERIOD_NS, "interval timer");
    check_progress((uint64_t[]){expired, late_expired, posix_fired, alarm_fired});
    for (int i = 0; i < ONCE; i++) check_once(&timers[i]);
    check_sleep(round % 2);
    iterated(0);
  }
}
