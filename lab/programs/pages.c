/*
 * pages MEMORY_MB [DIRTY_MB_PER_SECOND [random|compressible]]      (2, 0 and random)
 *
 * Memory that checks itself. Every word of a page follows from the page's number and version, and the versions are kept
 * twice elsewhere: a page that reads as zeros, is stale, torn or another's is found. A thread writes random pages anew at
 * the given rate. TCP port 7000, a request per line:
 *
 *   get SEQ    checks one random page:      SEQ ok VERSION       or   SEQ WRONG PAGE at WORD
 *   all SEQ    checks every page:           SEQ WRONG_PAGES
 *   stat SEQ   counters:                    SEQ CHECKED WRONG WRITES WORK
 *   spoil SEQ  zeroes a page, on purpose:   SEQ PAGE
 *   grow SEQ   takes 16 MB more, full of what no other page holds and unchecked:   SEQ MORE_MB
 *   work SEQ   begins or ends checking as fast as it can (WORK counts it):   SEQ on|off
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT 7000
#define PAGE 4096
#define WORDS (PAGE / 8)
#define TICK_MS 10
#define CONNECTIONS 256
#define GROW_MB 16ull

static uint64_t *memory, count;
static uint32_t *versions, *inverted;
static int compressible;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile uint64_t checked, wrong, writes, work;
static volatile int working;

static uint64_t scramble(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

/* What a word of a page has to be. A compressible page repeats one word of its own. */
static uint64_t word_of(uint64_t page, uint32_t version, int word) {
  uint64_t seed = (page << 32 | version) + 1;
  return scramble(seed * 0x9e3779b97f4a7c15ull + (compressible ? word / 64 : word + 1));
}

static uint64_t draw(uint64_t *state) { return scramble(*state += 0x9e3779b97f4a7c15ull); }

static void write_page(uint64_t page, uint32_t version) {
  uint64_t *words = memory + page * WORDS;
  for (int i = 0; i < WORDS; i++) words[i] = word_of(page, version, i);
  versions[page] = version;
  inverted[page] = ~version;
}

/* The first word that is not what it has to be; -1 when all are. */
static int check_page(uint64_t page) {
  uint32_t version = versions[page];
  if (inverted[page] != ~version || version == 0) return WORDS;
  const uint64_t *words = memory + page * WORDS;
  for (int i = 0; i < WORDS; i++)
    if (words[i] != word_of(page, version, i)) return i;
  return -1;
}

static int check(uint64_t page) {
  pthread_mutex_lock(&lock);
  int at = check_page(page);
  pthread_mutex_unlock(&lock);
  checked++;
  if (at >= 0) wrong++;
  return at;
}

static void *write_on(void *rate) {
  double due = 0, per_tick = *(double *)rate * 1e6 / PAGE * TICK_MS / 1000;
  uint64_t random = 1;
  for (;;) {
    struct timespec tick = {0, TICK_MS * 1000000};
    nanosleep(&tick, NULL);
    for (due += per_tick; due >= 1; due--) {
      uint64_t page = draw(&random) % count;
      pthread_mutex_lock(&lock);
      write_page(page, versions[page] + 1);
      pthread_mutex_unlock(&lock);
      writes++;
    }
  }
  return NULL;
}

static void *work_on(void *unused) {
  uint64_t random = 2;
  for (;;) {
    if (!working) {
      usleep(1000);
      continue;
    }
    check(draw(&random) % count);
    work++;
  }
  return unused;
}

static int answer(char *line, char *out, size_t size) {
  static uint64_t random = 3;
  char command[16];
  uint64_t sequence;
  if (sscanf(line, "%15s %" SCNu64, command, &sequence) != 2) return -1;
  if (strcmp(command, "get") == 0) {
    uint64_t page = draw(&random) % count;
    int at = check(page);
    if (at < 0) return snprintf(out, size, "%" PRIu64 " ok %u\n", sequence, versions[page]);
    return snprintf(out, size, "%" PRIu64 " WRONG %" PRIu64 " at %d\n", sequence, page, at);
  }
  if (strcmp(command, "all") == 0) {
    uint64_t bad = 0;
    for (uint64_t page = 0; page < count; page++) bad += check(page) >= 0;
    return snprintf(out, size, "%" PRIu64 " %" PRIu64 "\n", sequence, bad);
  }
  if (strcmp(command, "stat") == 0)
    return snprintf(out, size, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", sequence, checked, wrong,
                    writes, work);
  if (strcmp(command, "spoil") == 0) {
    uint64_t page = draw(&random) % count;
    pthread_mutex_lock(&lock);
    memset(memory + page * WORDS, 0, PAGE);
    pthread_mutex_unlock(&lock);
    return snprintf(out, size, "%" PRIu64 " %" PRIu64 "\n", sequence, page);
  }
  if (strcmp(command, "grow") == 0) {
    static uint64_t more, filling = 4;
    uint64_t bytes = GROW_MB << 20, *words = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (words == MAP_FAILED) return -1;
    for (uint64_t i = 0; i < bytes / 8; i++) words[i] = draw(&filling);
    return snprintf(out, size, "%" PRIu64 " %" PRIu64 "\n", sequence, more += GROW_MB);
  }
  if (strcmp(command, "work") == 0) {
    working = !working;
    return snprintf(out, size, "%" PRIu64 " %s\n", sequence, working ? "on" : "off");
  }
  return -1;
}

struct connection {
  size_t filled;
  char in[256];
};
static struct pollfd watched[CONNECTIONS + 1];
static struct connection connections[CONNECTIONS + 1];

static void drop(int index, int *used) {
  close(watched[index].fd);
  *used -= 1;
  watched[index] = watched[*used];
  connections[index] = connections[*used];
}

/* Returns -1 when the connection is to be dropped. */
static int serve(int index) {
  struct connection *connection = &connections[index];
  ssize_t got = recv(watched[index].fd, connection->in + connection->filled,
                     sizeof connection->in - connection->filled - 1, MSG_DONTWAIT);
  if (got <= 0) return -1;
  connection->filled += got;
  connection->in[connection->filled] = '\0';
  for (char *end; (end = strchr(connection->in, '\n'));) {
    char out[128];
    *end = '\0';
    int length = answer(connection->in, out, sizeof out);
    if (length < 0 || send(watched[index].fd, out, length, MSG_NOSIGNAL) != length) return -1;
    connection->filled -= end + 1 - connection->in;
    memmove(connection->in, end + 1, connection->filled + 1);
  }
  return connection->filled == sizeof connection->in - 1 ? -1 : 0;
}

static void accept_one(int *used) {
  int one = 1, fd = accept(watched[0].fd, NULL, NULL);
  if (fd < 0) return;
  if (*used == CONNECTIONS + 1) {
    close(fd);
    return;
  }
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  watched[*used] = (struct pollfd){.fd = fd, .events = POLLIN};
  connections[*used].filled = 0;
  *used += 1;
}

/* A first process without a handler ignores SIGTERM, and a stop would wait. */
static void end(int signal) {
  (void)signal;
  _exit(0);
}

int main(int argc, char **argv) {
  signal(SIGTERM, end);
  double megabytes = argc > 1 ? atof(argv[1]) : 2, rate = argc > 2 ? atof(argv[2]) : 0;
  compressible = argc > 3 && strcmp(argv[3], "compressible") == 0;
  count = megabytes * 1024 * 1024 / PAGE;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  memory = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
  versions = mmap(NULL, count * 4 + PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
  inverted = mmap(NULL, count * 4 + PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (count == 0 || memory == MAP_FAILED || versions == MAP_FAILED || inverted == MAP_FAILED) return 1;
  for (uint64_t page = 0; page < count; page++) write_page(page, 1);

  int one = 1, used = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
  watched[0] = (struct pollfd){.fd = socket(AF_INET, SOCK_STREAM, 0), .events = POLLIN};
  setsockopt(watched[0].fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(watched[0].fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(watched[0].fd, 64) < 0) return 1;
  pthread_t writer, worker;
  pthread_create(&worker, NULL, work_on, NULL);
  if (rate > 0) pthread_create(&writer, NULL, write_on, &rate);
  puts("ready");
  fflush(stdout);
  for (;;) {
    if (poll(watched, used, -1) < 0) continue;
    for (int i = used - 1; i > 0; i--)
      if (watched[i].revents && serve(i) < 0) drop(i, &used);
    if (watched[0].revents) accept_one(&used);
  }
}
