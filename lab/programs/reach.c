/*
 * A compute that is reached and that reaches out, for tests of the network.
 *
 *   reach serve [HOST PORT]   TCP 9000: a line `N` is answered with N bytes, each its place modulo 251. UDP 9001: an echo.
 *                             With HOST and PORT one connection to there, over which a number goes and comes back every
 *                             20 ms; the first that does not come back ends the program.
 *   reach scan tcp:HOST:PORT|udp:HOST:PORT...   prints what is not silent within a second, and how it answers
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { STREAM_PORT = 9000, ECHO_PORT = 9001, PERIOD = 251, MOST_PROBES = 512, SCAN_MS = 1000, BEAT_MS = 20 };

static void die(const char *what) {
  perror(what);
  exit(1);
}

static struct sockaddr_in address(const char *host, int port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (host == NULL) to.sin_addr.s_addr = htonl(INADDR_ANY);
  else if (inet_pton(AF_INET, host, &to.sin_addr) != 1) {
    fprintf(stderr, "%s is no address\n", host);
    exit(2);
  }
  return to;
}

static int bound(int type, int port) {
  int s = socket(AF_INET, type, 0), one = 1;
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in here = address(NULL, port);
  if (bind(s, (void *)&here, sizeof here) < 0) die("bind");
  return s;
}

static void *stream(void *given) {
  int s = (int)(long)given;
  char line[32] = {0};
  static char pattern[PERIOD * 256];
  for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = i % PERIOD;
  for (size_t at = 0; at < sizeof line - 1; at++) {
    if (read(s, line + at, 1) != 1) break;
    if (line[at] == '\n') break;
  }
  long left = atol(line), at = 0;
  while (left > 0) {
    size_t offset = at % PERIOD, chunk = sizeof pattern - offset;
    ssize_t sent = send(s, pattern + offset, (long)chunk < left ? chunk : (size_t)left, MSG_NOSIGNAL);
    if (sent <= 0) break;
    left -= sent;
    at += sent;
  }
  close(s);
  return NULL;
}

static void *echo(void *given) {
  int s = (int)(long)given;
  char datagram[2048];
  struct sockaddr_in from;
  for (;;) {
    socklen_t length = sizeof from;
    ssize_t size = recvfrom(s, datagram, sizeof datagram, 0, (void *)&from, &length);
    if (size >= 0) sendto(s, datagram, size, 0, (void *)&from, length);
  }
  return NULL;
}

static void *reach_out(void *given) {
  struct sockaddr_in to = *(struct sockaddr_in *)given;
  int s = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(s, (void *)&to, sizeof to) < 0) die("connect");
  for (long count = 1;; count++) {
    char said[32], heard[32] = {0};
    int length = snprintf(said, sizeof said, "%ld\n", count), at = 0;
    if (send(s, said, length, MSG_NOSIGNAL) != length) die("send");
    while (at < length) {
      ssize_t got = read(s, heard + at, length - at);
      if (got <= 0) die("read");
      at += got;
    }
    if (strcmp(said, heard) != 0) die("another answer");
    nanosleep(&(struct timespec){.tv_nsec = BEAT_MS * 1000000L}, NULL);
  }
  return NULL;
}

static int serve(const char *host, const char *port) {
  int listener = bound(SOCK_STREAM, STREAM_PORT), datagrams = bound(SOCK_DGRAM, ECHO_PORT);
  if (listen(listener, 16) < 0) die("listen");
  pthread_t thread;
  pthread_create(&thread, NULL, echo, (void *)(long)datagrams);
  static struct sockaddr_in to;
  if (host != NULL) {
    to = address(host, atoi(port));
    pthread_create(&thread, NULL, reach_out, &to);
  }
  for (;;) {
    int s = accept(listener, NULL, NULL);
    if (s < 0) continue;
    pthread_create(&thread, NULL, stream, (void *)(long)s);
    pthread_detach(thread);
  }
  return 0;
}

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A refusal is an answer: it tells that somebody is there. */
static void judge(const char *probe, int s, int datagram) {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error == 0 && datagram) {
    char answer[2048];
    if (recv(s, answer, sizeof answer, MSG_DONTWAIT) < 0) error = errno;
  }
  if (error == EHOSTUNREACH || error == ENETUNREACH || error == EAGAIN) return;
  printf("%s %s\n", probe, error == 0 ? "answers" : strerror(error));
}

static int scan(int count, char **probes) {
  static struct pollfd polled[MOST_PROBES];
  if (count > MOST_PROBES) return 2;
  for (int i = 0; i < count; i++) {
    char copy[64];
    snprintf(copy, sizeof copy, "%s", probes[i]);
    char *protocol = strtok(copy, ":"), *host = strtok(NULL, ":"), *port = strtok(NULL, ":");
    if (port == NULL) return 2;
    int datagram = strcmp(protocol, "udp") == 0;
    struct sockaddr_in to = address(host, atoi(port));
    int s = socket(AF_INET, (datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK, 0);
    polled[i] = (struct pollfd){.fd = s, .events = datagram ? POLLIN : POLLOUT};
    if (connect(s, (void *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
      if (errno != EHOSTUNREACH && errno != ENETUNREACH) printf("%s %s\n", probes[i], strerror(errno));
      polled[i].fd = -1;
    } else if (datagram) send(s, "probe", 5, MSG_NOSIGNAL);
  }
  long end = now_ms() + SCAN_MS;
  for (long left = SCAN_MS; left > 0; left = end - now_ms()) {
    if (poll(polled, count, left) <= 0) continue;
    for (int i = 0; i < count; i++) {
      if (polled[i].fd < 0 || polled[i].revents == 0) continue;
      judge(probes[i], polled[i].fd, strncmp(probes[i], "udp", 3) == 0);
      polled[i].fd = -1;
    }
  }
  return 0;
}

/* A first process without a handler ignores SIGTERM, and a stop would wait. */
static void end(int signal) {
  (void)signal;
  _exit(0);
}

int main(int count, char **words) {
  signal(SIGTERM, end);
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (count >= 3 && strcmp(words[1], "scan") == 0) return scan(count - 2, words + 2);
  if (count == 2 && strcmp(words[1], "serve") == 0) return serve(NULL, NULL);
  if (count == 4 && strcmp(words[1], "serve") == 0) return serve(words[2], words[3]);
  fprintf(stderr, "reach serve [HOST PORT] | scan PROTOCOL:HOST:PORT...\n");
  return 2;
}
