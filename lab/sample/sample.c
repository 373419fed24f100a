/*
 * The sample application: a small stateful server, one process with one thread.
 *
 *   sample [MEMORY_MB [DIRTY_PAGES_PER_SECOND]]      (2 and 0)
 *
 * TCP port 7000, a request per line:   inc SEQ  counts up;   get SEQ  does not.   The answer: SEQ COUNTER
 *                                      push SEQ  makes the server send `push N` every 5 ms from then on, unasked.
 * HTTP port 8080, keep-alive:          GET /  ->  {counter, fileCounter, requests, pid, monotonicMs}
 *
 * Every 50th count is written to /data/counter (a new file, renamed), and at the end on SIGTERM; a start reads it.
 * Every 1000th is a line on stdout. MEMORY_MB of memory are filled with bytes that do not compress, and so many of its
 * pages are written to in a second, at places picked at random.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_PORT 7000
#define HTTP_PORT 8080
#define DIRECTORY "/data"
#define FILE_NAME DIRECTORY "/counter"
#define WRITE_EVERY 50
#define SAY_EVERY 1000
#define PUSH_EVERY_MS 5
#define DIRTY_EVERY_MS 10
#define PAGE 4096
/* What one answer may take; a request is not looked at while there is less room. */
#define ANSWER_MAX 512

enum kind { LINE_LISTENER, HTTP_LISTENER, LINE, HTTP };

struct connection {
  int fd;
  enum kind kind;
  int pushes, closing;
  uint32_t watched;
  size_t got, filled, sent;
  char in[2048];
  char out[4096];
  struct connection *next, *previous;
};

static int poller;
static uint64_t counter, requests, pushed;
static struct connection *first;
static unsigned char *memory;
static size_t pages;
static double dirty_per_ms, dirty_owed;
static volatile sig_atomic_t ended;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static double now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static uint64_t next_random(void) {
  static uint64_t state = 0x9e3779b97f4a7c15u;
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

/* ---- the counter and its file */

static uint64_t read_file(void) {
  char text[32] = "";
  int fd = open(FILE_NAME, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  if (read(fd, text, sizeof text - 1) < 0) text[0] = 0;
  close(fd);
  return strtoull(text, NULL, 10);
}

static void write_file(void) {
  char text[32];
  int length = snprintf(text, sizeof text, "%" PRIu64 "\n", counter);
  int fd = open(FILE_NAME ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) fail(FILE_NAME);
  if (write(fd, text, length) != length) fail(FILE_NAME);
  close(fd);
  if (rename(FILE_NAME ".new", FILE_NAME) < 0) fail(FILE_NAME);
}

static void say(void) {
  char text[64];
  int length = snprintf(text, sizeof text, "counter %" PRIu64 "\n", counter);
  /* A reader that went away is no reason to end. */
  if (write(STDOUT_FILENO, text, length) < 0) return;
}

static void count(void) {
  counter++;
  if (counter % WRITE_EVERY == 0) write_file();
  if (counter % SAY_EVERY == 0) say();
}

/* ---- connections */

static void watch(struct connection *c, uint32_t events) {
  if (c->watched == events) return;
  struct epoll_event event = {.events = events, .data.ptr = c};
  if (epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event) < 0) fail("epoll_ctl");
  c->watched = events;
}

static struct connection *add(int fd, enum kind kind) {
  struct connection *c = calloc(1, sizeof *c);
  if (!c) fail("calloc");
  c->fd = fd;
  c->kind = kind;
  c->watched = EPOLLIN;
  c->next = first;
  if (first) first->previous = c;
  first = c;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
  return c;
}

static void drop(struct connection *c) {
  if (c->previous) c->previous->next = c->next;
  else first = c->next;
  if (c->next) c->next->previous = c->previous;
  close(c->fd);
  free(c);
}

static void listen_on(uint16_t port, enum kind kind) {
  int one = 1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
  if (listen(fd, 64) < 0) fail("listen");
  add(fd, kind);
}

static void accept_all(struct connection *listener) {
  int fd, one = 1;
  while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    add(fd, listener->kind == LINE_LISTENER ? LINE : HTTP);
  }
}

static size_t room(const struct connection *c) { return sizeof c->out - c->filled; }

static void append(struct connection *c, const char *text, size_t length) {
  memcpy(c->out + c->filled, text, length);
  c->filled += length;
}

/* ---- requests; each returns how many bytes of the input it took, 0 for "not all there yet" */

static size_t answer_line(struct connection *c) {
  char *end = memchr(c->in, '\n', c->got);
  if (!end) return 0;
  *end = 0;
  char text[96], verb[8], sequence[32], rest;
  int length;
  if (sscanf(c->in, "%7s %31[0-9]%c", verb, sequence, &rest) == 2 &&
      (!strcmp(verb, "inc") || !strcmp(verb, "get") || !strcmp(verb, "push"))) {
    requests++;
    if (verb[0] == 'i') count();
    if (verb[0] == 'p') c->pushes = 1;
    length = snprintf(text, sizeof text, "%s %" PRIu64 "\n", sequence, counter);
  } else {
    length = snprintf(text, sizeof text, "error: inc SEQ, get SEQ or push SEQ\n");
  }
  append(c, text, length);
  return end + 1 - c->in;
}

static size_t answer_http(struct connection *c) {
  char *end = memmem(c->in, c->got, "\r\n\r\n", 4);
  if (!end) return 0;
  end[2] = 0;
  int found = !strncmp(c->in, "GET / HTTP/1.", 13);
  int keeps = strstr(c->in, " HTTP/1.1\r\n") && !strcasestr(c->in, "\r\nconnection: close\r\n");
  char body[256], head[256];
  int length = snprintf(body, sizeof body, "{\"error\":\"only GET / is answered\"}");
  if (found) {
    requests++;
    length = snprintf(body, sizeof body,
                      "{\"counter\":%" PRIu64 ",\"fileCounter\":%" PRIu64 ",\"requests\":%" PRIu64
                      ",\"pid\":%d,\"monotonicMs\":%.3f}",
                      counter, read_file(), requests, getpid(), now_ms());
  }
  int headed = snprintf(head, sizeof head,
                        "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n",
                        found ? "200 OK" : "404 Not Found", length, keeps ? "keep-alive" : "close");
  append(c, head, headed);
  append(c, body, length);
  if (!keeps) c->closing = 1;
  return end + 4 - c->in;
}

/* Answers what is whole; 0 when the sender cannot be making a request any more. */
static int answer(struct connection *c) {
  while (!c->closing && room(c) >= ANSWER_MAX) {
    size_t taken = c->kind == LINE ? answer_line(c) : answer_http(c);
    if (taken == 0) return c->got < sizeof c->in;
    c->got -= taken;
    memmove(c->in, c->in + taken, c->got);
  }
  return 1;
}

/* Sends what waits; 0 when the connection has gone. */
static int flush(struct connection *c) {
  while (c->sent < c->filled) {
    ssize_t length = send(c->fd, c->out + c->sent, c->filled - c->sent, MSG_NOSIGNAL);
    if (length < 0) return errno == EAGAIN || errno == EINTR;
    c->sent += length;
  }
  c->filled = c->sent = 0;
  return !c->closing;
}

/* A connection whose answers are not read is not read either. */
static int serve(struct connection *c, uint32_t events) {
  if (events & (EPOLLERR | EPOLLHUP)) return 0;
  if (events & EPOLLIN) {
    ssize_t length = read(c->fd, c->in + c->got, sizeof c->in - c->got);
    if (length == 0) return 0;
    if (length < 0) return errno == EAGAIN || errno == EINTR;
    c->got += length;
  }
  if (!answer(c) || !flush(c)) return 0;
  /* What had no room before may have it now. */
  if (!answer(c) || !flush(c)) return 0;
  watch(c, c->filled ? EPOLLOUT : EPOLLIN);
  return 1;
}

static int push_all(void) {
  int any = 0;
  char text[32];
  for (struct connection *c = first, *next; c; c = next) {
    next = c->next;
    if (!c->pushes) continue;
    any = 1;
    if (room(c) >= ANSWER_MAX) append(c, text, snprintf(text, sizeof text, "push %" PRIu64 "\n", ++pushed));
    if (!flush(c)) drop(c);
    else watch(c, c->filled ? EPOLLOUT : EPOLLIN);
  }
  return any;
}

/* ---- memory */

static void fill_memory(size_t megabytes) {
  pages = megabytes * (1048576 / PAGE);
  if (pages == 0) return;
  memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  for (size_t at = 0; at < pages * PAGE; at += sizeof(uint64_t)) *(uint64_t *)(memory + at) = next_random();
}

static void dirty_pages(double elapsed_ms) {
  /* Time that passed while the process was frozen is not caught up. */
  if (elapsed_ms > 4 * DIRTY_EVERY_MS) elapsed_ms = 4 * DIRTY_EVERY_MS;
  dirty_owed += elapsed_ms * dirty_per_ms;
  for (; dirty_owed >= 1; dirty_owed -= 1) *(uint64_t *)(memory + next_random() % pages * PAGE) = next_random();
}

/* ---- */

static void end(int signal) { ended = signal; }

int main(int argc, char **argv) {
  /* They are let in only while it waits, so that none comes unnoticed between the look and the wait. */
  struct sigaction action = {.sa_handler = end};
  sigset_t held, none;
  sigemptyset(&none);
  sigemptyset(&held);
  sigaddset(&held, SIGTERM);
  sigaddset(&held, SIGINT);
  sigprocmask(SIG_BLOCK, &held, NULL);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  signal(SIGPIPE, SIG_IGN);
  fill_memory(argc > 1 ? strtoul(argv[1], NULL, 10) : 2);
  dirty_per_ms = pages == 0 || argc < 3 ? 0 : strtod(argv[2], NULL) / 1e3;
  mkdir(DIRECTORY, 0755);
  counter = read_file();
  poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0) fail("epoll_create1");
  listen_on(LINE_PORT, LINE_LISTENER);
  listen_on(HTTP_PORT, HTTP_LISTENER);
  printf("ready, counter %" PRIu64 "\n", counter);
  fflush(stdout);

  int pushing = 0;
  double dirtied = now_ms(), pushed_at = dirtied;
  while (!ended) {
    struct epoll_event events[64];
    int wait = pushing ? PUSH_EVERY_MS : dirty_per_ms > 0 ? DIRTY_EVERY_MS : -1;
    int ready = epoll_pwait(poller, events, 64, wait, &none);
    if (ready < 0 && errno != EINTR) fail("epoll_pwait");
    for (int i = 0; i < ready; i++) {
      struct connection *c = events[i].data.ptr;
      if (c->kind == LINE_LISTENER || c->kind == HTTP_LISTENER) accept_all(c);
      else if (serve(c, events[i].events)) pushing |= c->pushes;
      else drop(c);
    }
    double now = now_ms();
    if (dirty_per_ms > 0 && now - dirtied >= DIRTY_EVERY_MS) {
      dirty_pages(now - dirtied);
      dirtied = now;
    }
    if (pushing && now - pushed_at >= PUSH_EVERY_MS) {
      pushing = push_all();
      pushed_at = now;
    }
  }
  write_file();
  return 0;
}
