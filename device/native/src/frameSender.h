/*
 * The source's end of the stream: takes records, sends them in frames over TLS (tlsLink.h), compressed where that was found
 * to pay, not faster than allowed, at the link's pace. One thread does all of it; who writes records waits for it when it is
 * 4 MB behind. What the target says comes out as lines of JSON on standard error.
 *
 * Whether compressing pays is not decided here: figures of a tried frame are told, and answered by the command `compress`.
 */
#ifndef FRAME_SENDER_H
#define FRAME_SENDER_H

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <zstd.h>

#include "tlsLink.h"

#define FRAME_MAX (512u * 1024)
#define FRAMES 8
/* After so many plain frames it is tried again whether compressing pays, with so much of one. */
#define TRY_AGAIN_FRAMES 32
#define TRY_AGAIN_BYTES (64u * 1024)
/* What is encrypted is sent while it is in the processor's cache. */
#define SEND_BYTES (64u * 1024)
/* Frames that tell how fast the link is. */
#define MEASURED_FRAMES 16
#define TARGET_SILENCE_MS 2000
#define CONNECT_MS 3000

struct frame {
  unsigned char *bytes;
  uint32_t filled;
};

static struct {
  SSL *ssl;
  BIO *out;
  int fd, wake;
  double limit; /* bytes a second of the link; 0: none */
  volatile double pace; /* bytes a second of what the frames hold; 0: none */
  volatile int level, hurry;
  volatile uint64_t wire;
  /* Under the mutex. */
  pthread_mutex_t mutex;
  pthread_cond_t room;
  struct frame frames[FRAMES];
  uint32_t first, count; /* full ones; the one behind them is being filled */
  int idle;
  /* The thread's own. */
  ZSTD_CCtx *zstd;
  unsigned char *encoded;
  double allowed_at, heard_at, spoke_at, window_from, window_waited;
  uint64_t window_bytes;
  uint32_t window_frames, plain_frames;
  double link_speed; /* while it was the slowest part; 0 when it was not */
  char said[4096];
  size_t said_filled;
} sender = {.fd = -1, .level = 1, .mutex = PTHREAD_MUTEX_INITIALIZER, .room = PTHREAD_COND_INITIALIZER};

static void wake_sender(void) {
  uint64_t one = 1;
  if (write(sender.wake, &one, sizeof one) < 0) return;
}

/* The one being filled is full, or nothing more belongs to it. Under the mutex. */
static void close_frame(void) {
  while (sender.count == FRAMES - 1) pthread_cond_wait(&sender.room, &sender.mutex);
  sender.count++;
  sender.frames[(sender.first + sender.count) % FRAMES].filled = 0;
  if (sender.idle) wake_sender();
}

static void send_bytes(const void *bytes, size_t length) {
  pthread_mutex_lock(&sender.mutex);
  while (length > 0) {
    struct frame *frame = &sender.frames[(sender.first + sender.count) % FRAMES];
    size_t part = FRAME_MAX - frame->filled < length ? FRAME_MAX - frame->filled : length;
    memcpy(frame->bytes + frame->filled, bytes, part);
    frame->filled += part;
    bytes = (const char *)bytes + part;
    length -= part;
    if (frame->filled == FRAME_MAX) close_frame();
  }
  pthread_mutex_unlock(&sender.mutex);
}

/* What has been written so far goes out, be the frame full or not. */
static void send_now(int only_when_idle) {
  pthread_mutex_lock(&sender.mutex);
  struct frame *frame = &sender.frames[(sender.first + sender.count) % FRAMES];
  if (frame->filled > 0 && (!only_when_idle || (sender.idle && sender.count == 0))) close_frame();
  pthread_mutex_unlock(&sender.mutex);
}

static void link_lost(const char *why) { fail("linkLost", "%s", why); }

/* One line of the target's: an answer, an error, or only a sign of life. */
static void hear_line(const char *line) {
  char code[64];
  int at = 0;
  if (strcmp(line, "alive") == 0) return;
  if (sscanf(line, "error %63s %n", code, &at) == 1 && at > 0)
    dprintf(2, "{\"refused\":\"%s\",\"message\":\"%s\"}\n", code, line + at);
  else dprintf(2, "{\"answer\":\"%s\",\"wire\":%lu}\n", line, (long)sender.wire);
}

static void hear_target(void) {
  for (;;) {
    int got = SSL_read(sender.ssl, sender.said + sender.said_filled, sizeof sender.said - 1 - sender.said_filled);
    if (got <= 0) {
      int why = SSL_get_error(sender.ssl, got);
      if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return;
      link_lost("the target closed the connection");
    }
    sender.heard_at = now_ms();
    sender.said_filled += got;
    sender.said[sender.said_filled] = '\0';
    for (char *end; (end = strchr(sender.said, '\n'));) {
      *end = '\0';
      for (char *c = sender.said; *c; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ') *c = '\'';
      hear_line(sender.said);
      sender.said_filled -= end + 1 - sender.said;
      memmove(sender.said, end + 1, sender.said_filled + 1);
    }
    if (sender.said_filled == sizeof sender.said - 1) link_lost("the target says what nobody understands");
  }
}

/* Waits until the socket takes bytes, hearing the target meanwhile; the milliseconds that took. */
static double wait_for_socket(short wanted, double timeout_ms) {
  double began = now_ms();
  struct pollfd watched[2] = {{.fd = sender.fd, .events = POLLIN | wanted}, {.fd = sender.wake, .events = POLLIN}};
  int count = poll(watched, wanted ? 1 : 2, timeout_ms < 0 ? 0 : (int)(timeout_ms + 0.999));
  uint64_t woken;
  if (!wanted && count > 0 && watched[1].revents && read(sender.wake, &woken, sizeof woken) < 0) woken = 0;
  if (count > 0 && watched[0].revents & (POLLIN | POLLHUP | POLLERR)) hear_target();
  if (now_ms() - sender.heard_at > TARGET_SILENCE_MS) {
    /* This machine may have stood still itself: what has come meanwhile counts. */
    hear_target();
    if (now_ms() - sender.heard_at > TARGET_SILENCE_MS) link_lost("the target has been silent for 2 s");
  }
  return now_ms() - began;
}

/* Sends what TLS has made of the bytes. Returns the milliseconds that the link was waited for. */
static double flush_tls(void) {
  double waited = 0;
  char *bytes;
  long length = BIO_get_mem_data(sender.out, &bytes);
  for (long at = 0; at < length;) {
    ssize_t sent = send(sender.fd, bytes + at, length - at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) at += sent;
    else if (errno == EAGAIN) waited += wait_for_socket(POLLOUT, SIGN_OF_LIFE_MS);
    else if (errno != EINTR) {
      int why = errno;
      /* It may have said why. */
      hear_target();
      link_lost(strerror(why));
    }
  }
  BIO_reset(sender.out);
  sender.spoke_at = now_ms();
  return waited;
}

static double send_encoded(const unsigned char *header, const unsigned char *body, uint32_t bytes) {
  double waited = 0;
  if (SSL_write(sender.ssl, header, FRAME_HEADER) != FRAME_HEADER) link_lost(tls_words());
  for (uint32_t at = 0; at < bytes;) {
    int written = SSL_write(sender.ssl, body + at, bytes - at);
    if (written <= 0) link_lost(tls_words());
    at += written;
    if (BIO_ctrl_pending(sender.out) >= SEND_BYTES) waited += flush_tls();
  }
  return waited + flush_tls();
}

/* A bucket of 50 ms: the link is shared evenly, not in bursts. */
static void wait_for_turn(uint32_t bytes, uint32_t held) {
  double taken = sender.limit > 0 ? bytes / sender.limit : 0, pace = sender.pace;
  if (pace > 0 && held / pace > taken) taken = held / pace;
  if (taken == 0) return;
  for (double wait; (wait = sender.allowed_at - now_ms()) > 50;) wait_for_socket(0, wait - 50);
  double now = now_ms();
  if (sender.allowed_at < now - 50) sender.allowed_at = now - 50;
  sender.allowed_at += taken * 1e3;
}

/* Over some frames: a link that was waited for most of the time carried what was sent in that time. */
static void measure_link(double began, double waited, uint32_t bytes) {
  if (sender.window_frames++ == 0) {
    sender.window_from = began;
    sender.window_waited = sender.window_bytes = 0;
  }
  sender.window_waited += waited;
  sender.window_bytes += bytes;
  if (sender.window_frames < MEASURED_FRAMES) return;
  double ms = now_ms() - sender.window_from;
  sender.link_speed = sender.window_waited > ms / 2 ? sender.window_bytes / ms * 1e3 : 0;
  sender.window_frames = 0;
}

/* Compresses bytes of a frame and tells what that took; their size then, 0 when they did not get smaller. */
static uint32_t compress(const unsigned char *body, uint32_t bytes, int level) {
  double began = now_ms();
  size_t small = ZSTD_compressCCtx(sender.zstd, sender.encoded, ZSTD_compressBound(FRAME_MAX), body, bytes, level);
  double ms = now_ms() - began;
  if (ZSTD_isError(small)) return 0;
  dprintf(2, "{\"tried\":{\"bytes\":%u,\"compressed\":%zu,\"ms\":%.3f,\"linkBytesPerSecond\":%.0f}}\n", bytes, small, ms,
          sender.link_speed);
  return small < bytes ? small : 0;
}

static void send_frame(const struct frame *frame) {
  const unsigned char *body = frame->bytes;
  uint32_t bytes = frame->filled, small = 0;
  int kind = FRAME_PLAIN, level = sender.level;
  if (level > 0) small = compress(body, bytes, level);
  else if (++sender.plain_frames >= TRY_AGAIN_FRAMES) {
    sender.plain_frames = 0;
    compress(body, bytes < TRY_AGAIN_BYTES ? bytes : TRY_AGAIN_BYTES, 1);
  }
  if (small > 0) {
    kind = FRAME_ZSTD;
    body = sender.encoded;
    bytes = small;
  }
  unsigned char header[FRAME_HEADER];
  header[0] = kind;
  memcpy(header + 1, &bytes, 4);
  memcpy(header + 5, &frame->filled, 4);
  wait_for_turn(FRAME_HEADER + bytes, frame->filled);
  double began = now_ms();
  double waited = send_encoded(header, body, bytes);
  sender.wire += FRAME_HEADER + bytes;
  measure_link(began, waited, FRAME_HEADER + bytes);
}

static void *send_frames(void *unused) {
  for (;;) {
    pthread_mutex_lock(&sender.mutex);
    /* In a hurry whatever is there goes as soon as the link is free. */
    if (sender.count == 0 && sender.hurry && sender.frames[sender.first].filled > 0) close_frame();
    int some = sender.count > 0;
    sender.idle = !some;
    pthread_mutex_unlock(&sender.mutex);
    if (some) {
      send_frame(&sender.frames[sender.first]);
      pthread_mutex_lock(&sender.mutex);
      sender.first = (sender.first + 1) % FRAMES;
      sender.count--;
      pthread_cond_broadcast(&sender.room);
      pthread_mutex_unlock(&sender.mutex);
      wait_for_socket(0, -1);
      continue;
    }
    wait_for_socket(0, SIGN_OF_LIFE_MS);
    if (now_ms() - sender.spoke_at < SIGN_OF_LIFE_MS) continue;
    unsigned char nothing[FRAME_HEADER] = {0};
    send_encoded(nothing, NULL, 0);
  }
  return unused;
}

static int connect_tcp(const char *host, const char *port) {
  struct addrinfo *found, hints = {.ai_socktype = SOCK_STREAM};
  int trouble = getaddrinfo(host, port, &hints, &found);
  if (trouble) fail("peerUnreachable", "%s: %s", host, gai_strerror(trouble));
  int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  /* For the time of connecting; the socket does not block later. */
  struct timeval timeout = {.tv_sec = CONNECT_MS / 1000};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(fd, found->ai_addr, found->ai_addrlen) < 0) fail("peerUnreachable", "%s port %s: %s", host, port, strerror(errno));
  freeaddrinfo(found);
  return fd;
}

/* The line that tells the worker there which arrival this is, and its word that it is handed over to who keeps the pages. */
static void introduce(int fd, const char *token) {
  char line[300], answer[4] = "";
  int length = snprintf(line, sizeof line, "%s\n", token);
  if (send(fd, line, length, MSG_NOSIGNAL) != length) fail("peerUnreachable", "%s", strerror(errno));
  for (size_t got = 0; got < 3;) {
    ssize_t more = recv(fd, answer + got, 3 - got, 0);
    if (more <= 0) fail("peerUnreachable", "the target does not expect this compute's memory");
    got += more;
  }
  if (strcmp(answer, "ok\n") != 0) fail("peerUnreachable", "the target does not expect this compute's memory");
}

/* Connects, and sends all that is written from here on. Ends this process when it cannot. */
static void start_sender(const char *host, const char *port, const char *token, const char *peer, double limit,
                         const unsigned char *pem, struct identity_sizes sizes) {
  SSL_CTX *context = tls_context(pem, sizes);
  if (!context) fail("badIdentity", "%s", tls_words());
  sender.limit = limit;
  sender.fd = connect_tcp(host, port);
  introduce(sender.fd, token);
  sender.ssl = SSL_new(context);
  if (!sender.ssl || SSL_set_fd(sender.ssl, sender.fd) != 1) fail("noMemory", "%s", tls_words());
  if (SSL_connect(sender.ssl) != 1) fail("peerUnreachable", "%s", tls_words());
  if (!tls_peer_is(sender.ssl, peer)) fail("peerUnreachable", "the target is not %s", peer);
  sender.out = BIO_new(BIO_s_mem());
  SSL_set0_wbio(sender.ssl, sender.out);
  fcntl(sender.fd, F_SETFL, fcntl(sender.fd, F_GETFL) | O_NONBLOCK);
  sender.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  for (int i = 0; i < FRAMES; i++) sender.frames[i].bytes = need(malloc(FRAME_MAX));
  sender.encoded = need(malloc(ZSTD_compressBound(FRAME_MAX)));
  sender.zstd = need(ZSTD_createCCtx());
  sender.heard_at = sender.spoke_at = now_ms();
  pthread_t thread;
  if (pthread_create(&thread, NULL, send_frames, NULL) != 0) fail("noThread", "%s", strerror(errno));
  dprintf(2, "{\"connected\":true}\n");
}

#endif
