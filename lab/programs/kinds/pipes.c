/* Pipes and sockets of a compute that hold what was not read yet. */
#define _GNU_SOURCE
#include "kinds.h"
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DEEP (1u << 20)
#define CHUNK 4096u
#define EVERY_MS 4

/* ---- streams of known bytes, written and read at their own pace */

struct stream {
  int fd;
  uint64_t place;
};

/* Writes what there is room for. */
static void fill(struct stream *to, uint64_t most) {
  unsigned char bytes[CHUNK];
  while (most > 0) {
    size_t want = most < CHUNK ? most : CHUNK;
    for (size_t i = 0; i < want; i++) bytes[i] = stream_byte(to->place + i);
    ssize_t length = write(to->fd, bytes, want);
    if (length < 0 && errno == EAGAIN) return;
    if (length < 0) failed("write");
    to->place += length;
    most -= length;
    if ((size_t)length < want) return;
  }
}

static void drain(struct stream *from, size_t want, const char *what) {
  unsigned char bytes[CHUNK];
  while (want > 0) {
    ssize_t length = read(from->fd, bytes, want < CHUNK ? want : CHUNK);
    if (length <= 0) wrong("%s: nothing to read at byte %llu: %s", what, (unsigned long long)from->place, length < 0 ? strerror(errno) : "it has ended");
    if (spoiled()) bytes[0] ^= 1;
    for (ssize_t i = 0; i < length; i++)
      if (bytes[i] != stream_byte(from->place + i)) wrong("%s: byte %llu is not what was written", what, (unsigned long long)from->place + i);
    from->place += length;
    want -= length;
  }
}

static void set_nonblocking(int fd) {
  if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0) failed("F_SETFL");
}

static void deep_pipe(int ends[2]) {
  if (pipe2(ends, O_CLOEXEC) < 0) failed("pipe2");
  if (fcntl(ends[1], F_SETPIPE_SZ, DEEP) != DEEP) failed("F_SETPIPE_SZ");
  set_nonblocking(ends[1]);
}

/* A child fills the one pipe; the other is this process's own. Both are full nearly all the time. */
void run_pipes(void) {
  int between[2], own[2], waiting;
  deep_pipe(between);
  deep_pipe(own);
  if (fork_checker() == 0) {
    close(between[0]);
    for (struct stream to = {between[1], 0};;) {
      fill(&to, DEEP);
      sleep_ns(EVERY_MS * MS);
    }
  }
  close(between[1]);
  struct stream from = {between[0], 0}, in = {own[1], 0}, out = {own[0], 0};
  for (;;) {
    fill(&in, DEEP);
    if (ioctl(own[0], FIONREAD, &waiting) < 0 || (uint64_t)waiting != in.place - out.place) wrong("own pipe: %d bytes wait, not %d", waiting, (int)(in.place - out.place));
    drain(&out, 1 + random_below(3 * CHUNK), "own pipe");
    drain(&from, 1 + random_below(CHUNK), "pipe between processes");
    if (fcntl(own[1], F_GETPIPE_SZ) != DEEP || fcntl(from.fd, F_GETPIPE_SZ) != DEEP) wrong("a pipe's size has changed");
    if (!(fcntl(own[1], F_GETFL) & O_NONBLOCK) || fcntl(own[0], F_GETFL) & O_NONBLOCK) wrong("a pipe's flags have changed");
    iterated(EVERY_MS);
  }
}

/* ---- unix sockets */

#define NAME "/data/kinds.sock"
#define QUEUED 8
#define DATAGRAM 1500u

static void pair(int type, int ends[2]) {
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) < 0) failed("socketpair");
}

/* A datagram has the length and the content of its number. */
static size_t datagram(unsigned char *bytes, uint64_t number) {
  size_t length = 1 + number * 7919 % DATAGRAM;
  for (size_t i = 0; i < length; i++) bytes[i] = stream_byte(number * DATAGRAM + i);
  return length;
}

static void pass_datagrams(const int ends[2], uint64_t *sent, uint64_t *got) {
  unsigned char bytes[DATAGRAM], expected[DATAGRAM + 1];
  while (*sent < *got + QUEUED) {
    size_t length = datagram(bytes, *sent);
    if (send(ends[0], bytes, length, 0) != (ssize_t)length) failed("send");
    ++*sent;
  }
  size_t length = datagram(bytes, *got);
  ssize_t received = recv(ends[1], expected, sizeof expected, MSG_DONTWAIT);
  if (received != (ssize_t)length || memcmp(bytes, expected, length)) wrong("datagrams: number %d is not the one expected", (int)*got);
  ++*got;
}

/* The end that listens echoes: one connection for long, and one after another in between. */
__attribute__((noreturn)) static void echo(int listener) {
  int kept = -1;
  char byte;
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) failed("accept");
    if (read(fd, &byte, 1) != 1 || write(fd, &byte, 1) != 1) failed("echo");
    if (kept < 0) {
      kept = fd;
      continue;
    }
    close(fd);
    while (recv(kept, &byte, 1, MSG_DONTWAIT) == 1)
      if (write(kept, &byte, 1) != 1) failed("echo");
  }
}

static void expect_byte(int fd, char expected, const char *what) {
  char byte;
  if (read(fd, &byte, 1) != 1 || byte != expected) wrong("%s: not the byte that was sent", what);
}

static int connect_to(const struct sockaddr_un *address, socklen_t length, char byte) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (const void *)address, length) < 0) failed("connect");
  if (write(fd, &byte, 1) != 1) failed("write");
  expect_byte(fd, byte, "named socket");
  return fd;
}

static int listen_at(const struct sockaddr_un *address, socklen_t length) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (const void *)address, length) < 0 || listen(fd, 8) < 0) failed("bind");
  if (fork_checker() == 0) echo(fd);
  close(fd);
  return connect_to(address, length, 'k');
}

/* A descriptor that waits in a queue is one of the file that was sent. */
static void pass_descriptor(const int ends[2], int fd, int *waits, uint64_t mark) {
  char byte = 'd', room[CMSG_SPACE(sizeof(int))];
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
  if (*waits) {
    if (recvmsg(ends[1], &message, MSG_DONTWAIT) != 1) failed("recvmsg");
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (!head || head->cmsg_type != SCM_RIGHTS) wrong("descriptors: none came");
    int got;
    uint64_t read_mark;
    memcpy(&got, CMSG_DATA(head), sizeof got);
    if (pread(got, &read_mark, sizeof read_mark, 0) != sizeof read_mark || read_mark != mark) wrong("descriptors: one came that is not of the file sent");
    close(got);
  } else {
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    *head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
    if (sendmsg(ends[0], &message, 0) != 1) failed("sendmsg");
  }
  *waits = !*waits;
}

void run_unix(void) {
  int stream[2], datagrams[2], packets[2], descriptors[2], waits = 0;
  pair(SOCK_STREAM, stream);
  pair(SOCK_DGRAM, datagrams);
  pair(SOCK_SEQPACKET, packets);
  pair(SOCK_DGRAM, descriptors);
  struct sockaddr_un named = {.sun_family = AF_UNIX, .sun_path = NAME}, abstract = {.sun_family = AF_UNIX, .sun_path = "\0kinds"};
  socklen_t named_length = sizeof named, abstract_length = offsetof(struct sockaddr_un, sun_path) + 6;
  unlink(NAME);
  int kept = listen_at(&named, named_length), kept_abstract = listen_at(&abstract, abstract_length);
  uint64_t mark = random_number(), sent[2] = {0}, got[2] = {0};
  int file = open("/data/mark", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0 || write(file, &mark, sizeof mark) != sizeof mark) failed("/data/mark");
  set_nonblocking(stream[0]);
  struct stream in = {stream[0], 0}, out = {stream[1], 0};
  for (uint64_t round = 0;; round++) {
    fill(&in, DEEP);
    drain(&out, 1 + random_below(2 * CHUNK), "unix stream");
    pass_datagrams(datagrams, &sent[0], &got[0]);
    pass_datagrams(packets, &sent[1], &got[1]);
    pass_descriptor(descriptors, file, &waits, mark);
    char byte = 'a' + round % 26;
    if (write(kept, &byte, 1) != 1 || write(kept_abstract, &byte, 1) != 1) failed("write");
    close(connect_to(&named, named_length, byte));
    close(connect_to(&abstract, abstract_length, byte));
    expect_byte(kept, byte, "connection to a named socket");
    expect_byte(kept_abstract, byte, "connection to an abstract socket");
    iterated(EVERY_MS);
  }
}
