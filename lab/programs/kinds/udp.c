/*
 * UDP: an echo on port 7001 of the compute's address for a client outside, and two sockets inside that talk by it. What is
 * under way may be lost, and is sent again; what comes must be right.
 */
#define _GNU_SOURCE
#include "kinds.h"
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 7001
#define LENGTH 1200u
#define AGAIN_MS 100
#define LOST_NS (5 * SECOND)
#define EVERY_MS 4

/* The compute's address, which is the same wherever it is. */
static struct in_addr own_address(void) {
  struct ifaddrs *all;
  if (getifaddrs(&all) < 0) failed("getifaddrs");
  for (struct ifaddrs *one = all; one; one = one->ifa_next) {
    if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET) continue;
    struct in_addr address = ((struct sockaddr_in *)one->ifa_addr)->sin_addr;
    if (ntohl(address.s_addr) >> 24 == 127) continue;
    freeifaddrs(all);
    return address;
  }
  wrong("udp: the compute has no address");
}

static int open_socket(struct in_addr address, uint16_t port) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = address};
  if (fd < 0 || bind(fd, (void *)&name, sizeof name) < 0) failed("udp: bind");
  return fd;
}

__attribute__((noreturn)) static void echo(int fd) {
  unsigned char bytes[2048];
  for (;;) {
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    ssize_t got = recvfrom(fd, bytes, sizeof bytes, 0, (void *)&from, &length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) failed("recvfrom");
    /* No room for it is a loss like any other. */
    if (sendto(fd, bytes, got, 0, (void *)&from, length) < 0 && errno != EAGAIN && errno != ENOBUFS) failed("sendto");
  }
}

static size_t make(unsigned char *bytes, uint64_t number) {
  memcpy(bytes, &number, sizeof number);
  size_t length = sizeof number + number * 31 % (LENGTH - sizeof number);
  for (size_t i = sizeof number; i < length; i++) bytes[i] = stream_byte(number * LENGTH + i);
  return length;
}

/* 1 when the answer is the one to this number; an older one may come twice. */
static int is_answer(int fd, uint64_t number) {
  unsigned char bytes[2048], expected[LENGTH];
  ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return 0;
  if (got < (ssize_t)sizeof number) wrong("udp: an answer of %d bytes", (int)got);
  uint64_t which;
  memcpy(&which, bytes, sizeof which);
  if (spoiled()) bytes[0] ^= 1, which = number + 1;
  if (which > number) wrong("udp: an answer to what was never asked");
  if (make(expected, which) != (size_t)got || memcmp(bytes, expected, got)) wrong("udp: an answer with other content");
  return which == number;
}

static void ask(int fd, uint64_t number) {
  unsigned char bytes[LENGTH];
  size_t length = make(bytes, number);
  for (int64_t began = now_ns();;) {
    if (send(fd, bytes, length, 0) < 0 && errno != ENOBUFS) failed("send");
    struct pollfd polled = {fd, POLLIN, 0};
    int64_t until = now_ns() + AGAIN_MS * MS;
    while (now_ns() < until) {
      if (poll(&polled, 1, AGAIN_MS) > 0 && is_answer(fd, number)) return;
    }
    if (now_ns() - began > LOST_NS) wrong("udp: no answer to number %d", (int)number);
  }
}

void run_udp(void) {
  struct in_addr address = own_address();
  int server = open_socket(address, PORT), client = open_socket(address, 0);
  struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr = address};
  if (connect(client, (void *)&peer, sizeof peer) < 0) failed("connect");
  if (fork_checker() == 0) echo(server);
  close(server);
  for (uint64_t number = 1;; number++) {
    ask(client, number);
    iterated(EVERY_MS);
  }
}
