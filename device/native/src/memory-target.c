/*
 * memory-target: keeps the pages of an arriving compute, then fills them into its restored processes.
 *
 *   memory-target DIRECTORY [PEER K C A]
 *
 * With PEER, descriptor 3 is a connection of the source, which proves over TLS (tlsLink.h) that it is PEER and then sends
 * records in frames; standard input gives K + C + A bytes of PEM: private key, certificate, authority. What it is answered
 * goes to standard output as well, and at its end the line `ended`.
 *
 * DIRECTORY (on a tmpfs, root only) gets `control`, a socket, and `status`, a file of one line. A connection to `control`
 * begins with a line:
 *   stream            records follow (records.h); answered: `round N`, `image NAME`, `final`, each a line, when done
 *   serve DIRECTORY   listens there as `criu lazy-pages` would, for `criu restore --lazy-pages`; answered `ok`
 *   images DIRECTORY  where files that come by reference go; DIRECTORY/images otherwise; answered `ok`
 *   guard FILE WORD   what to write where to freeze the compute, should filling fail; answered `ok`
 *   watch SOCKET      where memory-watch is to listen when all is filled in; answered `ok`
 *   hold FILE         a failpoint: as long as FILE is there, only what faults is filled in; answered `ok`
 *   discard           ends all of it
 * Errors are answered as `error CODE MESSAGE`.
 *
 * While rounds come in, this is one process. When FINAL has come it becomes two that share one table of descriptors
 * (CLONE_FILES): the pager, which serves the page faults and fills in the rest, and the keeper, which replaces a pager that
 * has died; a pager whose keeper has died makes itself a new one. So every userfaultfd stays open when either is killed: a
 * fault then waits for a moment, and never reads zeros. All that a pager learns lies in memory that both share, an event
 * of the kernel from the very moment it is read, so that a new pager goes on where the last one was. Every change there
 * is either one store or may be done twice.
 *
 * Filled pages are given back at once, so that store and processes together take little more than the processes alone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sys/timerfd.h>
#include <zstd.h>

#include "pageTable.h"
#include "records.h"
#include "tlsLink.h"

#define PAGE PAGE_SIZE_
/* Pages filled in at once while nobody faults: 256 KB, about 50 us, the longest that a fault waits for it. */
#define FILL_PAGES 64u
/* Slots that are looked at together for whether anybody still wants them. */
#define SWEEP_SLOTS 4096u
/* CRIU's word at the end of a restore (criu/uffd.c of 4.2: LAZY_PAGES_RESTORE_FINISHED). */
#define RESTORE_FINISHED 0x52535446u
/* A pager that dies this often does so for a reason that another one will not mend. */
#define RESTARTS_MAX 20
/* Between two looks whether the failpoint is gone, milliseconds. */
#define HOLD_MS 20
#define CLIENTS_MAX 32
#define SPACES_MAX 4096

/* ---- the store ---- */

static char directory[4000], image_directory[4000];
static int store = -1, control = -1, events = -1;
static const unsigned char *store_pages; /* all of the store, mapped */
static uint64_t store_size;              /* bytes that the file has */
#define STORE_MAX (1ull << 40)

/* What each process maps, while rounds come in. */
struct process {
  uint32_t number;
  struct page_table pages;
  struct process *next;
};
static struct process *processes;
static uint64_t sum;
static int final;

/* ---- shared between pager and keeper ---- */

/* A page of a process's memory and its slot, sorted by address; never changed after FINAL. */
struct page {
  uint64_t address;
  uint32_t slot;
};
struct image {
  uint32_t number, count;
  struct page *pages;
};

/* Where a range of the image lies in a running process: mremap moves it. */
struct range {
  uint64_t start, end, image;
};
struct ranges {
  uint32_t count, room;
  int own; /* of this process alone, not in shared memory */
  struct range *items;
};

/* The memory of one running process that is being filled in. */
struct space {
  int fd; /* -1: done with */
  uint32_t image;
  uint32_t cursor;           /* where filling goes on, an index into the image's pages */
  uint32_t left;             /* pages not done; only for progress */
  uint64_t *done;            /* a bit a page: handed over, or given back by the process */
  struct ranges lists[2];    /* one of them holds, the other is where the next one is made */
  volatile uint32_t current; /* which */
};

struct shared {
  volatile uint32_t space_count, restarts, restored, failed;
  volatile int lazy_listener, lazy_connection;
  volatile int clients[CLIENTS_MAX];
  /* An event that is not dealt with yet, if its kind is not 0: the kernel writes straight into it. */
  struct uffd_msg event;
  volatile uint32_t event_space; /* the index of the space that it is of */
  /* What CRIU said last of a process whose descriptor has not come yet. */
  volatile int32_t announced;
  char guard_file[4096], guard_word[16], hold_file[4096], watch_socket[128];
  /* What came along with the userfaultfds (criu-watch.so): for who moves the compute next. */
  struct watch {
    uint32_t number;
    int fd;
  } watches[SPACES_MAX];
  volatile uint32_t watch_count;
  char reason[512];
  struct space spaces[SPACES_MAX];
};
static struct shared *shared;
static struct image *images;
static uint32_t image_count;
static uint32_t *references; /* by slot: how many pages still want it */

/* Shared memory that is never given back; taken from one large reservation. */
static unsigned char *arena;
static volatile uint64_t *arena_used;
#define ARENA_SIZE (1ull << 36)

static uint64_t slots_seen; /* one more than the highest slot */

static void *from_arena(uint64_t bytes) {
  uint64_t at = __atomic_fetch_add(arena_used, (bytes + 63) & ~63ull, __ATOMIC_RELAXED);
  return at + bytes > ARENA_SIZE ? NULL : arena + at;
}

static void make_arena(void) {
  arena = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (arena == MAP_FAILED) _exit(1);
  arena_used = (volatile uint64_t *)arena;
  *arena_used = 64;
  shared = from_arena(sizeof *shared);
  shared->lazy_listener = shared->lazy_connection = -1;
  for (int i = 0; i < CLIENTS_MAX; i++) shared->clients[i] = -1;
}

/* ---- words to the outside ---- */

static void write_status(const char *state, uint64_t total, uint64_t left) {
  char path[4096], line[1024], padded_line[1024];
  static int file = -1;
  if (file < 0) {
    snprintf(path, sizeof path, "%s/status", directory);
    file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  }
  int length = snprintf(line, sizeof line, "%s %lu %lu %u %s", state, (long)total, (long)left,
                        shared ? shared->restarts : 0, shared && shared->failed ? shared->reason : "-");
  if (length > 766) length = 766;
  /* One write of one size: a reader never sees half of it. */
  memset(padded_line, ' ', 767);
  memcpy(padded_line, line, length);
  padded_line[767] = '\n';
  if (pwrite(file, padded_line, 768, 0) != 768) return;
}

/* Nobody is served any more; the descriptors stay open, so that faults wait. */
static void stop_watching(void) {
  for (uint32_t i = 0; i < shared->space_count; i++)
    if (shared->spaces[i].fd >= 0) epoll_ctl(events, EPOLL_CTL_DEL, shared->spaces[i].fd, NULL);
}

static void report_filling(void) {
  uint64_t total = 0, left = 0;
  for (uint32_t i = 0; i < shared->space_count; i++) {
    total += images[shared->spaces[i].image].count;
    if (shared->spaces[i].fd >= 0) left += shared->spaces[i].left;
  }
  write_status(shared->failed ? "failed" : shared->restored ? "filling" : "restoring", total, left);
}

/* Filling cannot go on: the compute stops rather than read wrong memory. The descriptors stay open. */
static void tell_worker(const char *line, int length);

static void give_up(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(shared->reason, sizeof shared->reason, format, arguments);
  va_end(arguments);
  shared->failed = 1;
  int file = open(shared->guard_file, O_WRONLY | O_CLOEXEC);
  if (file >= 0) {
    if (write(file, shared->guard_word, strlen(shared->guard_word)) < 0) shared->failed = 2;
    close(file);
  }
  stop_watching();
  report_filling();
  tell_worker("failed\n", 7);
}

/* ---- connections ---- */

/* A connection in frames: of the one that is being read, how much there is. */
struct frames {
  SSL *ssl;
  int ready, refused;
  unsigned char header[FRAME_HEADER];
  uint32_t header_got, kind, bytes, holds, got;
  unsigned char *body; /* of a compressed one */
};

struct client {
  int fd, streaming;
  size_t filled, size;
  unsigned char *buffer;
  struct frames *frames; /* NULL: commands, or records as they are */
};
static struct client *clients[CLIENTS_MAX];
static struct client *source; /* the one that sends in frames */

/* To whom it may concern: the worker that started this reads it, if it still runs. */
static void tell_worker(const char *line, int length) {
  ssize_t written = write(1, line, length);
  (void)written;
}

static int send_line(struct client *client, const char *format, ...) {
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line - 1, format, arguments);
  va_end(arguments);
  if (length > (int)sizeof line - 2) length = sizeof line - 2;
  line[length++] = '\n';
  if (!client->frames) return send(client->fd, line, length, MSG_NOSIGNAL) == length ? 0 : -1;
  tell_worker(line, length);
  /* A few bytes to one that waits for them: the socket takes them. */
  return SSL_write(client->frames->ssl, line, length) == length ? 0 : -1;
}

/* ---- records ---- */

static struct process *process_of(uint32_t number) {
  for (struct process *known = processes; known; known = known->next)
    if (known->number == number) return known;
  struct process *process = calloc(1, sizeof *process);
  if (!process) return NULL;
  process->number = number;
  process->next = processes;
  return processes = process;
}

static int place_pages(uint32_t number, uint64_t address, const uint32_t *slots, uint32_t count) {
  struct process *process = process_of(number);
  if (!process) return -1;
  for (uint32_t i = 0; i < count; i++, address += PAGE) {
    struct block *block = block_at(&process->pages, address >> BLOCK_SHIFT, slots[i] != 0);
    if (!block) {
      if (slots[i] == 0) continue;
      return -1;
    }
    uint32_t *slot = &block->slots[(address >> 12) % BLOCK_PAGES];
    sum += mix(number, address, slots[i]) - mix(number, address, *slot);
    *slot = slots[i];
  }
  return 0;
}

static const char *grow_store(uint64_t size) {
  if (size > STORE_MAX) return "storeFull more pages than the store can number";
  uint64_t step = 64ull << 20;
  uint64_t wanted = (size + step - 1) / step * step;
  if (ftruncate(store, wanted) < 0) return "storeFull the store cannot grow";
  store_size = wanted;
  return NULL;
}

static const char *write_pages(const uint32_t *slots, const unsigned char *pages, uint32_t count) {
  for (uint32_t i = 0; i < count;) {
    uint32_t run = 1;
    while (i + run < count && slots[i + run] == slots[i] + run) run++;
    uint64_t at = (uint64_t)slots[i] * PAGE, bytes = (uint64_t)run * PAGE;
    if (slots[i] == 0) return "badRecord the page of zeros is not written";
    if (at + bytes > store_size) {
      const char *trouble = grow_store(at + bytes);
      if (trouble) return trouble;
    }
    if ((uint64_t)slots[i] + run > slots_seen) slots_seen = (uint64_t)slots[i] + run;
    for (uint64_t written = 0; written < bytes;) {
      ssize_t more = pwrite(store, pages + (uint64_t)i * PAGE + written, bytes - written, at + written);
      if (more < 0 && errno == ENOSPC) return "storeFull no room is left for pages in the target's memory";
      if (more <= 0) return "storeFailed pages cannot be written";
      written += more;
    }
    i += run;
  }
  return NULL;
}

static const char *write_image(const char *name, uint32_t length, const uint32_t *slots, uint32_t count) {
  char path[4400];
  if (length == 0 || length > 200 || memchr(name, '/', length) || name[0] == '.') return "badRecord a bad file name";
  snprintf(path, sizeof path, "%s/%.*s", image_directory, (int)length, name);
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return "imageFailed the image file cannot be made";
  static const unsigned char zeros[PAGE];
  const char *trouble = NULL;
  for (uint32_t i = 0; i < count && !trouble; i++) {
    if (slots[i] >= slots_seen) trouble = "badRecord an image names a slot that never came";
    else if (write(file, slots[i] ? store_pages + (uint64_t)slots[i] * PAGE : zeros, PAGE) != PAGE)
      trouble = "storeFull no room is left for an image in the target's memory";
  }
  close(file);
  return trouble;
}

static int begin_serving(void);

/* How many bytes the record at the buffer's start takes in all; 0 while that cannot be told. */
static uint64_t record_bytes(const struct record *record) {
  uint64_t slots = padded((uint64_t)record->count * 4);
  switch (record->kind) {
    case RECORD_PAGES: return sizeof *record + slots + (uint64_t)record->count * PAGE;
    case RECORD_REFS: return sizeof *record + slots;
    case RECORD_IMAGE: return sizeof *record + padded(record->extra) + slots;
    default: return sizeof *record;
  }
}

static const char *check_record(const struct record *record) {
  int known = record->kind >= RECORD_PAGES && record->kind <= RECORD_FINAL;
  uint32_t most = record->kind == RECORD_IMAGE ? RECORD_IMAGE_MAX : RECORD_PAGES_MAX;
  if (!known || (record->kind <= RECORD_IMAGE && record->count > most) || record->extra > 4096)
    return "badRecord a record that nobody writes";
  if (record->kind <= RECORD_REFS && (record->address % PAGE != 0 || record->address >> 57))
    return "badRecord an address that no page has";
  return NULL;
}

/* Takes one whole record. Returns what is wrong with it, or NULL. */
static const char *take_record(struct client *client, const struct record *record) {
  const unsigned char *rest = (const unsigned char *)(record + 1);
  const uint32_t *slots = (const uint32_t *)rest;
  const char *trouble = NULL;
  if (final && record->kind != RECORD_IMAGE) return "badRecord pages after the last";
  switch (record->kind) {
    case RECORD_PAGES:
      trouble = write_pages(slots, rest + padded((uint64_t)record->count * 4), record->count);
      /* fall through */
    case RECORD_REFS:
      for (uint32_t i = 0; i < record->count && !trouble; i++)
        if (slots[i] != 0 && slots[i] >= slots_seen) trouble = "badRecord a slot that never came";
      if (!trouble && record->process != 0 && place_pages(record->process, record->address, slots, record->count) < 0)
        trouble = "noMemory the target is out of memory";
      return trouble;
    case RECORD_IMAGE:
      trouble = write_image((const char *)rest, record->extra, (const uint32_t *)(rest + padded(record->extra)), record->count);
      if (!trouble) send_line(client, "image %.*s", (int)record->extra, (const char *)rest);
      return trouble;
    case RECORD_ROUND:
      send_line(client, "round %lu", (long)record->address);
      return NULL;
    default:
      if (record->address != sum) return "mapsDiffer source and target do not agree on which page is where";
      final = 1;
      if (begin_serving() < 0) return "noMemory the target is out of memory";
      send_line(client, "final");
      return NULL;
  }
}

/* Says why nothing more is taken. A source in frames is read on: a connection closed on it would swallow the words. */
static void refuse(struct client *client, const char *trouble) {
  send_line(client, "error %s", trouble);
  if (client->frames) client->frames->refused = 1;
}

static void close_client(struct client *client) {
  if (client == source) source = NULL;
  for (int i = 0; i < CLIENTS_MAX; i++)
    if (clients[i] == client) {
      clients[i] = NULL;
      shared->clients[i] = -1;
    }
  if (client->frames) {
    tell_worker("ended\n", 6);
    SSL_free(client->frames->ssl);
    free(client->frames->body);
    free(client->frames);
  }
  close(client->fd);
  free(client->buffer);
  free(client);
}

/* Deals with all whole records in the buffer. Returns -1 when the connection has to go. */
static int take_records(struct client *client) {
  size_t at = 0;
  while (client->filled - at >= sizeof(struct record)) {
    const struct record *record = (const struct record *)(client->buffer + at);
    const char *trouble = check_record(record);
    uint64_t bytes = record_bytes(record);
    if (!trouble && client->filled - at < bytes) {
      if (client->size < bytes) {
        unsigned char *larger = realloc(client->buffer, bytes);
        if (!larger) return -1;
        client->buffer = larger;
        client->size = bytes;
      }
      break;
    }
    if (!trouble) trouble = take_record(client, record);
    if (trouble) {
      refuse(client, trouble);
      return -1;
    }
    at += bytes;
  }
  memmove(client->buffer, client->buffer + at, client->filled - at);
  client->filled -= at;
  return 0;
}

static void remove_all(void) {
  static const char *names[] = {"control", "status"};
  char path[4400];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(path, sizeof path, "%s/%s", directory, names[i]);
    unlink(path);
  }
}

static int listen_at(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || strlen(path) >= sizeof address.sun_path) return -1;
  strcpy(address.sun_path, path);
  unlink(path);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || chmod(path, 0600) < 0 || listen(fd, 64) < 0) {
    close(fd);
    return -1;
  }
  return fd;
}

/* The name is longer than an address may be: it is reached through the open directory. */
static int listen_for_criu(const char *where) {
  char path[64];
  int parent = open(where, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (parent < 0) return -1;
  snprintf(path, sizeof path, "/proc/self/fd/%d/lazy-pages.socket", parent);
  int fd = listen_at(path);
  close(parent);
  return fd;
}

static void watch(int fd, uint64_t what) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = what};
  epoll_ctl(events, EPOLL_CTL_ADD, fd, &event);
}

enum watched { WATCH_CONTROL = 1, WATCH_LAZY_LISTENER, WATCH_LAZY, WATCH_CLIENT, WATCH_SPACE, WATCH_TIMER };
#define WATCHED(kind, index) ((uint64_t)(kind) << 32 | (index))

static pid_t keeper;

static int take_command(struct client *client, char *line) {
  char word[16];
  if (strcmp(line, "stream") == 0) {
    client->streaming = 1;
    return 0;
  }
  if (strncmp(line, "serve ", 6) == 0) {
    if (shared->lazy_listener >= 0) close(shared->lazy_listener);
    shared->lazy_listener = listen_for_criu(line + 6);
    if (shared->lazy_listener < 0) return send_line(client, "error serveFailed %s: %s", line + 6, strerror(errno));
    if (final) watch(shared->lazy_listener, WATCHED(WATCH_LAZY_LISTENER, 0));
    return send_line(client, "ok");
  }
  if (sscanf(line, "guard %4000s %15s", shared->guard_file, word) == 2) {
    strcpy(shared->guard_word, word);
    return send_line(client, "ok");
  }
  if (sscanf(line, "watch %107s", shared->watch_socket) == 1) return send_line(client, "ok");
  if (sscanf(line, "hold %4000s", shared->hold_file) == 1) return send_line(client, "ok");
  if (sscanf(line, "images %3999s", image_directory) == 1) return send_line(client, "ok");
  if (strcmp(line, "discard") == 0) {
    remove_all();
    /* The keeper first, or it would take this for a death. */
    if (keeper > 0) kill(keeper, SIGKILL);
    _exit(0);
  }
  return send_line(client, "error badCommand %s", line);
}

static int take_input(struct client *client) {
  ssize_t got = recv(client->fd, client->buffer + client->filled, client->size - client->filled, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (got <= 0) return -1;
  client->filled += got;
  while (!client->streaming) {
    char *end = memchr(client->buffer, '\n', client->filled);
    if (!end) return client->filled == client->size ? -1 : 0;
    *end = '\0';
    if (take_command(client, (char *)client->buffer) < 0) return -1;
    size_t used = end - (char *)client->buffer + 1;
    client->filled -= used;
    memmove(client->buffer, end + 1, client->filled);
  }
  return take_records(client);
}

/* ---- frames ---- */

/* Bytes of a stream, as they are kept, that are dealt with before others get their turn. */
#define TURN_BYTES (8u << 20)
#define PEER_SILENCE_S 3

static char peer_name[256];
static int timer = -1, silent_ticks;

/* Returns what is wrong with the frame whose header is there, or NULL. */
static const char *begin_frame(struct frames *frames) {
  frames->kind = frames->header[0];
  memcpy(&frames->bytes, frames->header + 1, 4);
  memcpy(&frames->holds, frames->header + 5, 4);
  frames->got = 0;
  if (frames->kind > FRAME_ZSTD || frames->bytes > FRAME_ACCEPT_MAX || frames->holds > FRAME_ACCEPT_MAX)
    return "badRecord a frame that nobody sends";
  if (frames->bytes == 0) frames->header_got = 0;
  return NULL;
}

static int make_room(struct client *client, size_t bytes) {
  if (client->size - client->filled >= bytes) return 0;
  unsigned char *larger = realloc(client->buffer, client->filled + bytes);
  if (!larger) return -1;
  client->buffer = larger;
  client->size = client->filled + bytes;
  return 0;
}

/* A compressed frame is complete. */
static const char *expand_frame(struct client *client) {
  struct frames *frames = client->frames;
  if (make_room(client, frames->holds) < 0) return "noMemory the target is out of memory";
  size_t bytes = ZSTD_decompress(client->buffer + client->filled, frames->holds, frames->body, frames->bytes);
  if (ZSTD_isError(bytes) || bytes != frames->holds) return "badRecord a frame that cannot be expanded";
  client->filled += bytes;
  return NULL;
}

/* Reads what TLS has: > 0 bytes, 0 when there are none now, -1 at the end. */
static int read_tls(struct frames *frames, void *into, size_t size) {
  int got = SSL_read(frames->ssl, into, size > 1 << 30 ? 1 << 30 : (int)size);
  if (got > 0) return got;
  int why = SSL_get_error(frames->ssl, got);
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

/* One read of the stream: > 0 for bytes dealt with, 0 when there are none now, -1 when the connection has to go. */
static int take_part(struct client *client) {
  struct frames *frames = client->frames;
  const char *trouble = NULL;
  int got;
  if (frames->header_got < FRAME_HEADER) {
    got = read_tls(frames, frames->header + frames->header_got, FRAME_HEADER - frames->header_got);
    if (got <= 0) return got;
    frames->header_got += got;
    if (frames->header_got == FRAME_HEADER) trouble = begin_frame(frames);
  } else {
    int plain = frames->kind == FRAME_PLAIN;
    if (plain && make_room(client, 1) < 0) return -1;
    uint32_t left = frames->bytes - frames->got;
    size_t room = plain && client->size - client->filled < left ? client->size - client->filled : left;
    got = read_tls(frames, plain ? client->buffer + client->filled : frames->body + frames->got, room);
    if (got <= 0) return got;
    frames->got += got;
    if (plain) client->filled += got;
    if (frames->got == frames->bytes) {
      frames->header_got = 0;
      if (!plain) {
        trouble = expand_frame(client);
        got = frames->bytes + frames->holds;
      }
    }
    if (!trouble && take_records(client) < 0) return frames->refused ? got : -1;
  }
  if (!trouble) return got;
  refuse(client, trouble);
  return got;
}

/* Returns 1 when more is there than was taken, -1 when the connection has to go. */
static int take_frames(struct client *client) {
  struct frames *frames = client->frames;
  silent_ticks = 0;
  if (!frames->ready) {
    int accepted = SSL_accept(frames->ssl);
    if (accepted != 1) {
      int why = SSL_get_error(frames->ssl, accepted);
      return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
    }
    if (!tls_peer_is(frames->ssl, peer_name)) return -1;
    frames->ready = 1;
  }
  for (uint32_t taken = 0; taken < TURN_BYTES;) {
    int got = frames->refused ? read_tls(frames, frames->body, FRAME_ACCEPT_MAX) : take_part(client);
    if (got <= 0) return got;
    taken += got;
  }
  return 1;
}

/* Signs of life for the source; one that gives none itself has gone. */
static void on_timer(void) {
  uint64_t ticks;
  if (read(timer, &ticks, sizeof ticks) != sizeof ticks || !source) return;
  if (++silent_ticks > PEER_SILENCE_S * 1000 / SIGN_OF_LIFE_MS)
    close_client(source);
  else if (source->frames->ready) SSL_write(source->frames->ssl, "alive\n", 6);
}

static struct client *add_client(int fd) {
  int index = 0;
  while (index < CLIENTS_MAX && clients[index]) index++;
  struct client *client = index < CLIENTS_MAX ? calloc(1, sizeof *client) : NULL;
  unsigned char *buffer = client ? malloc(4 << 20) : NULL;
  if (!buffer) {
    free(client);
    close(fd);
    return NULL;
  }
  *client = (struct client){.fd = fd, .size = 4 << 20, .buffer = buffer};
  clients[index] = client;
  shared->clients[index] = fd;
  watch(fd, WATCHED(WATCH_CLIENT, index));
  return client;
}

static void accept_client(void) {
  int room = 1 << 20, fd = accept4(control, NULL, NULL, SOCK_CLOEXEC);
  if (fd < 0) return;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  add_client(fd);
}

/* The worker has accepted the connection and read the line that says what it is for. Returns -1 when it cannot be served. */
static int serve_source(int fd, struct identity_sizes sizes) {
  unsigned char pem[IDENTITY_MAX];
  size_t size = (size_t)sizes.key + sizes.certificate + sizes.authority;
  if (size > sizeof pem) return -1;
  for (size_t got = 0; got < size;) {
    ssize_t more = read(0, pem + got, size - got);
    if (more <= 0) return -1;
    got += more;
  }
  SSL_CTX *context = tls_context(pem, sizes);
  OPENSSL_cleanse(pem, sizeof pem);
  struct frames *frames = calloc(1, sizeof *frames);
  if (!context || !frames || !(frames->body = malloc(FRAME_ACCEPT_MAX)) || !(frames->ssl = SSL_new(context))) return -1;
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  if (SSL_set_fd(frames->ssl, fd) != 1 || !(source = add_client(fd))) return -1;
  source->frames = frames;
  source->streaming = 1;
  /* A worker that does not read must not hold up who serves page faults. */
  fcntl(1, F_SETFL, fcntl(1, F_GETFL) | O_NONBLOCK);
  timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  struct timespec period = {0, SIGN_OF_LIFE_MS * 1000000};
  if (timer < 0 || timerfd_settime(timer, 0, &(struct itimerspec){period, period}, NULL) < 0) return -1;
  watch(timer, WATCHED(WATCH_TIMER, 0));
  return send(fd, "ok\n", 3, MSG_NOSIGNAL) == 3 ? 0 : -1;
}

/* ---- filling ---- */

static int is_done(const struct space *space, uint32_t page) { return space->done[page / 64] >> (page % 64) & 1; }

static void give_back(uint64_t slot, uint32_t count) {
  fallocate(store, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, slot * PAGE, (uint64_t)count * PAGE);
}

/* Marked before its reference is dropped: whoever is killed in between keeps a page too long, never too short. */
static void mark_done(struct space *space, uint32_t page) {
  if (is_done(space, page)) return;
  space->done[page / 64] |= 1ull << (page % 64);
  space->left--;
  uint32_t slot = images[space->image].pages[page].slot;
  if (__atomic_sub_fetch(&references[slot], 1, __ATOMIC_RELAXED) == 0) give_back(slot, 1);
}

static void mark_run_done(struct space *space, uint32_t page, uint32_t count) {
  const struct page *pages = images[space->image].pages;
  uint32_t free_from = 0, free_count = 0;
  for (uint32_t i = page; i < page + count; i++) {
    if (is_done(space, i)) continue;
    space->done[i / 64] |= 1ull << (i % 64);
    space->left--;
    uint32_t slot = pages[i].slot;
    if (__atomic_sub_fetch(&references[slot], 1, __ATOMIC_RELAXED) > 0) continue;
    if (free_count > 0 && free_from + free_count == slot) free_count++;
    else {
      if (free_count > 0) give_back(free_from, free_count);
      free_from = slot;
      free_count = 1;
    }
  }
  if (free_count > 0) give_back(free_from, free_count);
}

/* The first page of an image at or behind an address. */
static uint32_t page_from(const struct image *image, uint64_t address) {
  uint32_t low = 0, high = image->count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (image->pages[middle].address < address) low = middle + 1;
    else high = middle;
  }
  return low;
}

static const struct ranges *ranges_of(const struct space *space) { return &space->lists[space->current]; }

static const struct range *range_at(const struct space *space, uint64_t address) {
  const struct ranges *ranges = ranges_of(space);
  for (uint32_t i = 0; i < ranges->count; i++)
    if (ranges->items[i].start <= address && address < ranges->items[i].end) return &ranges->items[i];
  return NULL;
}

/* Where a page of the image lies now; NULL when the process has given it back. */
static const struct range *range_of_image(const struct space *space, uint64_t address) {
  const struct ranges *ranges = ranges_of(space);
  for (uint32_t i = 0; i < ranges->count; i++) {
    const struct range *range = &ranges->items[i];
    if (range->image <= address && address < range->image + (range->end - range->start)) return range;
  }
  return NULL;
}

static int add_range(struct ranges *ranges, struct range range) {
  if (range.start >= range.end) return 0;
  if (ranges->count == ranges->room) {
    uint32_t room = ranges->room ? ranges->room * 2 : 64;
    struct range *items = ranges->own ? malloc(room * sizeof *items) : from_arena(room * sizeof *items);
    if (!items) return -1;
    memcpy(items, ranges->items, ranges->count * sizeof *items);
    if (ranges->own) free(ranges->items);
    ranges->items = items;
    ranges->room = room;
  }
  ranges->items[ranges->count++] = range;
  return 0;
}

/* Adds what of a range lies outside [start, end). */
static int add_outside(struct ranges *ranges, struct range range, uint64_t start, uint64_t end) {
  if (range.end <= start || range.start >= end) return add_range(ranges, range);
  if (add_range(ranges, (struct range){range.start, start, range.image}) < 0) return -1;
  return add_range(ranges, (struct range){end, range.end, range.image + (end - range.start)});
}

/* [start, end) is unmapped. The new list holds from the one store at the end on. */
static int unmap_range(struct space *space, uint64_t start, uint64_t end) {
  const struct ranges *old = ranges_of(space);
  struct ranges *new = &space->lists[!space->current];
  new->count = 0;
  for (uint32_t i = 0; i < old->count; i++)
    if (add_outside(new, old->items[i], start, end) < 0) return -1;
  __atomic_store_n(&space->current, !space->current, __ATOMIC_RELEASE);
  return 0;
}

/* [from, from + bytes) lies at `to` now, and what was there does not. */
static int move_range(struct space *space, uint64_t from, uint64_t to, uint64_t bytes) {
  const struct ranges *old = ranges_of(space);
  struct ranges *new = &space->lists[!space->current];
  static struct ranges kept = {.own = 1}, moved = {.own = 1};
  kept.count = moved.count = 0;
  for (uint32_t i = 0; i < old->count; i++) {
    struct range range = old->items[i];
    if (add_outside(&kept, range, from, from + bytes) < 0) return -1;
    uint64_t start = range.start > from ? range.start : from, end = range.end < from + bytes ? range.end : from + bytes;
    if (start < end && add_range(&moved, (struct range){to + (start - from), to + (end - from),
                                                        range.image + (start - range.start)}) < 0)
      return -1;
  }
  new->count = 0;
  for (uint32_t i = 0; i < kept.count; i++)
    if (add_outside(new, kept.items[i], to, to + bytes) < 0) return -1;
  for (uint32_t i = 0; i < moved.count; i++)
    if (add_range(new, moved.items[i]) < 0) return -1;
  __atomic_store_n(&space->current, !space->current, __ATOMIC_RELEASE);
  return 0;
}

/* The process has given [start, end) back: what is read there from now on is zero. */
static void forget_pages(struct space *space, uint64_t start, uint64_t end) {
  const struct ranges *ranges = ranges_of(space);
  const struct image *image = &images[space->image];
  for (uint32_t i = 0; i < ranges->count; i++) {
    struct range range = ranges->items[i];
    uint64_t from = range.start > start ? range.start : start, till = range.end < end ? range.end : end;
    if (from >= till) continue;
    uint32_t first = page_from(image, range.image + (from - range.start));
    uint32_t last = page_from(image, range.image + (till - range.start));
    if (first < last) mark_run_done(space, first, last - first);
  }
}

static void end_space(struct space *space) {
  int fd = space->fd;
  if (fd < 0) return;
  /* Pages that a process left unfilled at its end. */
  mark_run_done(space, 0, images[space->image].count);
  space->fd = -1;
  close(fd);
}

static void wake(const struct space *space, uint64_t address, uint64_t bytes) {
  struct uffdio_range range = {address, bytes};
  ioctl(space->fd, UFFDIO_WAKE, &range);
}

enum filled { FILLED, LATER, GONE, UNKNOWN };

/*
 * Hands over `count` pages of neighbouring addresses and slots. They may lie in several mappings.
 *
 * A mapping that the process gives back while the kernel is looking for it is not found (ENOENT: mfill_atomic in
 * mm/userfaultfd.c looks before it asks whether mappings change). The process then waits for its event to be read: asked once
 * more, the kernel says EAGAIN, and ENOENT only where there truly is none.
 */
static enum filled copy_pages(struct space *space, uint32_t page, uint32_t count, uint64_t address) {
  uint32_t slot = images[space->image].pages[page].slot, most = count;
  uint64_t missed = 0;
  while (count > 0) {
    uint32_t together = most < count ? most : count;
    struct uffdio_copy copy = {
        .dst = address, .src = (uintptr_t)(store_pages + (uint64_t)slot * PAGE), .len = (uint64_t)together * PAGE};
    int result = ioctl(space->fd, UFFDIO_COPY, &copy), why = errno;
    uint32_t copied = result == 0 ? together : copy.copy > 0 ? copy.copy / PAGE : 0;
    if (copied > 0) mark_run_done(space, page, copied);
    page += copied;
    slot += copied;
    address += (uint64_t)copied * PAGE;
    count -= copied;
    if (count == 0) break;
    if (result == 0 || why == EINTR) continue;
    if (why == EAGAIN) {
      if (copied == 0) return LATER;
    } else if (why == EEXIST) {
      /* Handed over by a pager that died before it could note it. */
      mark_done(space, page);
      wake(space, address, PAGE);
      page++, slot++, count--, address += PAGE;
    } else if (why == ENOENT && together > 1) {
      /* The kernel copies into one mapping at a time. */
      most = 1;
    } else if (why == ENOENT && missed != address) {
      missed = address;
    } else if (why == ESRCH || why == ENOSPC) return GONE;
    else return UNKNOWN;
  }
  return FILLED;
}

static void note(struct space *space, enum filled how, uint64_t address) {
  if (how == GONE) end_space(space);
  else if (how == UNKNOWN) give_up("page %lx of process %u cannot be filled in: %s", (long)address,
                                   images[space->image].number, strerror(errno));
}

static void serve_fault(struct space *space, uint64_t address) {
  address &= ~(uint64_t)(PAGE - 1);
  const struct image *image = &images[space->image];
  const struct range *range = range_at(space, address);
  if (range) {
    uint64_t wanted = range->image + (address - range->start);
    uint32_t page = page_from(image, wanted);
    if (page < image->count && image->pages[page].address == wanted && !is_done(space, page)) {
      enum filled how = copy_pages(space, page, 1, address);
      space->cursor = page + 1;
      /* An event of the kernel comes first; the fault is asked for again. */
      if (how == LATER) wake(space, address, PAGE);
      else note(space, how, address);
      return;
    }
  }
  struct uffdio_zeropage zero = {.range = {address, PAGE}};
  if (ioctl(space->fd, UFFDIO_ZEROPAGE, &zero) == 0) return;
  if (errno == ESRCH) end_space(space);
  else wake(space, address, PAGE);
}

static int make_space(int fd, uint32_t image_number, const struct space *parent) {
  uint32_t index = shared->space_count;
  if (index == SPACES_MAX) return -1;
  struct space *space = &shared->spaces[index];
  const struct image *image = &images[image_number];
  uint64_t words = image->count / 64 + 1;
  memset(space, 0, sizeof *space);
  space->image = image_number;
  space->done = from_arena(words * 8);
  if (!space->done) return -1;
  if (parent) {
    memcpy(space->done, parent->done, words * 8);
    for (uint32_t i = 0; i < ranges_of(parent)->count; i++)
      if (add_range(&space->lists[0], ranges_of(parent)->items[i]) < 0) return -1;
    for (uint32_t i = 0; i < image->count; i++)
      if (!is_done(space, i)) __atomic_add_fetch(&references[image->pages[i].slot], 1, __ATOMIC_RELAXED);
    space->left = parent->left;
  } else {
    memset(space->done, 0, words * 8);
    space->left = image->count;
    if (add_range(&space->lists[0], (struct range){0, 1ull << 57, 0}) < 0) return -1;
  }
  space->fd = fd;
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  watch(fd, WATCHED(WATCH_SPACE, index));
  __atomic_store_n(&shared->space_count, index + 1, __ATOMIC_RELEASE);
  return 0;
}

/* Deals with the event in shared memory. It may have been begun by a pager that died: all of it may be done twice. */
static void take_event(void) {
  struct space *space = &shared->spaces[shared->event_space];
  const struct uffd_msg *event = &shared->event;
  int trouble = 0;
  switch (event->event) {
    case UFFD_EVENT_PAGEFAULT:
      serve_fault(space, event->arg.pagefault.address);
      break;
    case UFFD_EVENT_REMOVE:
      forget_pages(space, event->arg.remove.start, event->arg.remove.end);
      break;
    case UFFD_EVENT_UNMAP:
      forget_pages(space, event->arg.remove.start, event->arg.remove.end);
      trouble = unmap_range(space, event->arg.remove.start, event->arg.remove.end);
      break;
    case UFFD_EVENT_REMAP:
      /* Done already when the old place holds nothing any more. */
      if (range_at(space, event->arg.remap.from) || !range_at(space, event->arg.remap.to))
        trouble = move_range(space, event->arg.remap.from, event->arg.remap.to, event->arg.remap.len);
      break;
    case UFFD_EVENT_FORK: {
      int fd = event->arg.fork.ufd, known = 0;
      for (uint32_t i = 0; i < shared->space_count; i++) known |= shared->spaces[i].fd == fd;
      if (!known) trouble = make_space(fd, space->image, space);
      break;
    }
    default:
      break;
  }
  if (trouble) give_up("the pager is out of memory");
  __atomic_store_n(&shared->event.event, 0, __ATOMIC_RELEASE);
}

/* Reads events until there is none. */
static void take_events(uint32_t index) {
  struct space *space = &shared->spaces[index];
  while (space->fd >= 0 && !shared->failed) {
    shared->event_space = index;
    if (read(space->fd, &shared->event, sizeof shared->event) != sizeof shared->event) return;
    take_event();
  }
}

/* Fills in a few more pages of a process; 0 when all of it is there. */
static int fill_more(struct space *space) {
  const struct image *image = &images[space->image];
  for (uint32_t tried = 0; tried <= image->count;) {
    if (space->cursor >= image->count) space->cursor = 0;
    uint32_t page = space->cursor;
    /* Whole words of the map at once. */
    if (page % 64 == 0 && space->done[page / 64] == ~0ull) {
      space->cursor += 64, tried += 64;
      continue;
    }
    if (page >= image->count || is_done(space, page)) {
      space->cursor++, tried++;
      continue;
    }
    const struct page *pages = image->pages;
    const struct range *range = range_of_image(space, pages[page].address);
    if (!range) {
      mark_done(space, page);
      continue;
    }
    uint64_t end = range->image + (range->end - range->start);
    uint32_t count = 1;
    while (count < FILL_PAGES && page + count < image->count && !is_done(space, page + count) &&
           pages[page + count].address == pages[page].address + (uint64_t)count * PAGE &&
           pages[page + count].address < end && pages[page + count].slot == pages[page].slot + count)
      count++;
    uint64_t address = range->start + (pages[page].address - range->image);
    enum filled how = copy_pages(space, page, count, address);
    if (how == FILLED) space->cursor = page + count;
    note(space, how, address);
    return 1;
  }
  return 0;
}

/* ---- the pager ---- */

/* The first image is empty: of a process without one lazy page, where all that faults is zero. */
static uint32_t image_of(uint32_t number) {
  for (uint32_t i = 1; i < image_count; i++)
    if (images[i].number == number) return i;
  return 0;
}

static void keep_watch(uint32_t number, int fd) {
  uint32_t index = shared->watch_count;
  if (index == SPACES_MAX) {
    close(fd);
    return;
  }
  shared->watches[index] = (struct watch){number, fd};
  shared->watch_count = index + 1;
}

/* All is filled in: what is left to do is little, and a small program does it. Without it the next move does without. */
static void hand_on_watches(void) {
  static char program[4096], cgroup[4096], words[SPACES_MAX][24];
  static char *arguments[SPACES_MAX + 4] = {program, NULL, cgroup};
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 32);
  char *end = strrchr(shared->guard_file, '/');
  if (shared->watch_count == 0 || shared->watch_socket[0] == '\0' || length < 0 || !end || fork() != 0) return;
  program[length] = '\0';
  strcpy(strrchr(program, '/') + 1, "memory-watch");
  memcpy(cgroup, shared->guard_file, end - shared->guard_file);
  arguments[1] = (char *)shared->watch_socket;
  for (uint32_t i = 0; i < shared->watch_count; i++) {
    fcntl(shared->watches[i].fd, F_SETFD, 0);
    snprintf(words[i], sizeof words[i], "%u:%d", shared->watches[i].number, shared->watches[i].fd);
    arguments[i + 3] = words[i];
  }
  int nothing = open("/dev/null", O_RDWR);
  for (int i = 0; i < 3; i++) dup2(nothing, i);
  if (nothing > 2) close(nothing);
  execv(program, arguments);
  _exit(1);
}

/* CRIU's side: a process's number, then its userfaultfd; at last the word that all are restored. */
static void take_lazy(void) {
  for (;;) {
    if (shared->announced == 0) {
      int32_t said;
      ssize_t got = recv(shared->lazy_connection, &said, sizeof said, MSG_DONTWAIT | MSG_PEEK);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (got == (ssize_t)sizeof said) {
        if ((uint32_t)said == RESTORE_FINISHED) {
          shared->restored = 1;
          report_filling();
          tell_worker("filling\n", 8);
        } else if (said > 0) shared->announced = said;
        recv(shared->lazy_connection, &said, sizeof said, MSG_DONTWAIT);
        continue;
      }
      epoll_ctl(events, EPOLL_CTL_DEL, shared->lazy_connection, NULL);
      close(shared->lazy_connection);
      shared->lazy_connection = -1;
      if (!shared->restored) give_up("CRIU ended before all was restored");
      return;
    }
    char data, space[CMSG_SPACE(2 * sizeof(int))];
    struct iovec part = {&data, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    ssize_t got = recvmsg(shared->lazy_connection, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (!header || header->cmsg_type != SCM_RIGHTS) {
      give_up("CRIU sent no userfaultfd");
      return;
    }
    int fd, watch;
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
    if (header->cmsg_len == CMSG_LEN(2 * sizeof fd)) {
      memcpy(&watch, CMSG_DATA(header) + sizeof fd, sizeof watch);
      keep_watch(shared->announced, watch);
    }
    uint32_t image = image_of(shared->announced);
    if (make_space(fd, image, NULL) < 0) give_up("the pager is out of memory");
    shared->announced = 0;
  }
}

static void accept_lazy(void) {
  int fd = accept4(shared->lazy_listener, NULL, NULL, SOCK_CLOEXEC);
  if (fd < 0) return;
  shared->lazy_connection = fd;
  watch(fd, WATCHED(WATCH_LAZY, 0));
}

static volatile sig_atomic_t keeper_gone;

static void on_keeper_gone(int signal) {
  (void)signal;
  keeper_gone = 1;
}

static void keep(pid_t pager) __attribute__((noreturn));
static void loop(void) __attribute__((noreturn));

static pid_t split(void) { return syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL); }

/* In the child: it is the pager from here on. */
static void become_pager(void) {
  keeper = getppid();
  keeper_gone = 0;
  prctl(PR_SET_PDEATHSIG, SIGUSR1);
  /* It may have died before that. */
  if (getppid() != keeper) keeper_gone = 1;
}

static void replace_keeper(void) {
  keeper_gone = 0;
  shared->restarts++;
  pid_t pager = split();
  if (pager == 0) become_pager();
  else if (pager > 0) keep(pager);
  else keeper_gone = 1;
}

/* Not before the guard is known: whoever sets it would find nobody. */
static int all_filled(void) {
  if (!shared->restored || shared->guard_file[0] == '\0') return 0;
  for (uint32_t i = 0; i < shared->space_count; i++)
    if (shared->spaces[i].fd >= 0) return 0;
  return 1;
}

/* Gives back the contents that nobody maps any more, some at a time. Returns 0 when that is done; may be done twice. */
static int sweep_step(void) {
  static uint64_t swept = 1;
  uint64_t end = swept + SWEEP_SLOTS < slots_seen ? swept + SWEEP_SLOTS : slots_seen, run = 0;
  for (; swept < end; swept++) {
    if (references[swept] == 0) run++;
    else if (run > 0) {
      give_back(swept - run, run);
      run = 0;
    }
  }
  if (run > 0) give_back(end - run, run);
  return swept < slots_seen;
}

/* One step of filling, each process in turn. Returns 0 when there is nothing to fill in. */
static int fill_step(void) {
  static uint32_t turn;
  uint32_t count = shared->space_count;
  for (uint32_t i = 0; i < count; i++) {
    struct space *space = &shared->spaces[turn++ % count];
    if (space->fd < 0) continue;
    if (fill_more(space)) return 1;
    end_space(space);
  }
  return 0;
}

/* What TLS has read ahead the kernel does not tell of. */
static int more_to_take;

static void take_client(struct client *client) {
  if (!client) return;
  int more = client->frames ? take_frames(client) : take_input(client);
  if (client == source) more_to_take = more > 0;
  if (more < 0) close_client(client);
}

static void take(struct epoll_event *event) {
  uint32_t index = (uint32_t)event->data.u64;
  switch (event->data.u64 >> 32) {
    case WATCH_CONTROL: accept_client(); break;
    case WATCH_LAZY_LISTENER: accept_lazy(); break;
    case WATCH_LAZY: take_lazy(); break;
    case WATCH_CLIENT: take_client(clients[index]); break;
    case WATCH_TIMER: on_timer(); break;
    case WATCH_SPACE: take_events(index); break;
  }
}

static int held(void) { return shared->hold_file[0] != '\0' && access(shared->hold_file, F_OK) == 0; }

static void loop(void) {
  struct epoll_event ready[64];
  for (int said = 0, idle = 0;;) {
    if (keeper_gone) replace_keeper();
    int serving = final && shared->restored && !shared->failed;
    int waits = serving && held();
    int count = epoll_wait(events, ready, 64, more_to_take || (serving && !idle && !waits) ? 0 : waits ? HOLD_MS : -1);
    for (int i = 0; i < count; i++) take(&ready[i]);
    if (more_to_take && source) take_client(source);
    if (waits) report_filling();
    if (!serving || waits) continue;
    idle = count <= 0 && !sweep_step() && !fill_step();
    if (++said % 64 == 0 || idle) report_filling();
    if (all_filled()) {
      hand_on_watches();
      write_status("filled", 0, 0);
      _exit(0);
    }
  }
}

/* A pager has died: what only it knew is closed, what all know is gone on with. */
static void recover(void) {
  for (int i = 0; i < CLIENTS_MAX; i++) {
    if (shared->clients[i] >= 0) close(shared->clients[i]);
    shared->clients[i] = -1;
    clients[i] = NULL;
  }
  source = NULL;
  if (!shared->restored) give_up("the pager was killed while the compute was being restored");
  if (shared->event.event != 0 && !shared->failed) take_event();
}

/* The keeper: waits for the pager's end, and replaces it. */
static void keep(pid_t pager) {
  for (;;) {
    int status;
    pid_t ended = waitpid(pager, &status, 0);
    if (ended < 0 && errno == EINTR) continue;
    if (ended == pager && WIFEXITED(status) && WEXITSTATUS(status) == 0) _exit(0);
    shared->restarts++;
    if (shared->restarts > RESTARTS_MAX && !shared->failed) give_up("the pager died %d times", RESTARTS_MAX);
    pager = split();
    if (pager == 0) {
      become_pager();
      recover();
      loop();
    }
    if (pager < 0) {
      give_up("no process can be made");
      pause();
    }
  }
}

static int compare_blocks(const void *a, const void *b) {
  const struct block *left = *(struct block *const *)a, *right = *(struct block *const *)b;
  return left->number < right->number ? -1 : left->number > right->number;
}

/* What one process maps, sorted, and counted for each slot. */
static int make_image(struct image *image, struct process *process) {
  struct block **blocks = malloc((process->pages.count + 1) * sizeof *blocks);
  uint32_t count = 0, room = 0;
  if (!blocks) return -1;
  for (size_t i = 0; i < process->pages.size; i++)
    if (process->pages.buckets[i]) blocks[count++] = process->pages.buckets[i];
  qsort(blocks, count, sizeof *blocks, compare_blocks);
  for (uint32_t i = 0; i < count; i++)
    for (uint32_t page = 0; page < BLOCK_PAGES; page++) room += blocks[i]->slots[page] != 0;
  image->number = process->number;
  image->pages = from_arena((uint64_t)(room + 1) * sizeof *image->pages);
  for (uint32_t i = 0; i < count && image->pages; i++)
    for (uint32_t page = 0; page < BLOCK_PAGES; page++) {
      uint32_t slot = blocks[i]->slots[page];
      if (slot == 0) continue;
      image->pages[image->count++] = (struct page){(blocks[i]->number << BLOCK_SHIFT) + (uint64_t)page * PAGE, slot};
      references[slot]++;
    }
  free(blocks);
  return image->pages ? 0 : -1;
}

/* The maps in the form that filling wants. */
static int make_images(void) {
  uint32_t count = 0;
  for (struct process *process = processes; process; process = process->next) count++;
  images = from_arena((count + 1) * sizeof *images);
  references = from_arena((slots_seen + 1) * sizeof *references);
  struct page *none = from_arena(sizeof *none);
  if (!images || !references || !none) return -1;
  images[image_count++] = (struct image){0, 0, none};
  for (struct process *process = processes; process; process = process->next)
    if (make_image(&images[image_count++], process) < 0) return -1;
  return 0;
}

/* All pages are here: two processes from now on, faults are served. In eager mode nobody ever comes. */
static int begin_serving(void) {
  if (shared->lazy_listener < 0) return 0;
  if (make_images() < 0) return -1;
  pid_t pager = split();
  if (pager < 0) return -1;
  if (pager > 0) keep(pager);
  else become_pager();
  watch(shared->lazy_listener, WATCHED(WATCH_LAZY_LISTENER, 0));
  return 0;
}

/* The last to be ended when memory is short: with them goes all of the compute's memory. */
static void be_spared(void) {
  int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  /* Where that is not allowed it is as likely a victim as others. */
  ssize_t written = write(file, "-1000", 5);
  (void)written;
  close(file);
}

int main(int count, char **arguments) {
  struct identity_sizes sizes = {0, 0, 0};
  if ((count != 2 && count != 6) || strlen(arguments[1]) > 90 || (count == 6 && strlen(arguments[2]) >= sizeof peer_name)) {
    fprintf(stderr, "memory-target DIRECTORY (of at most 90 characters) [PEER K C A]\n");
    return 2;
  }
  strcpy(directory, arguments[1]);
  snprintf(image_directory, sizeof image_directory, "%s/images", directory);
  be_spared();
  struct sigaction action = {.sa_handler = on_keeper_gone};
  sigaction(SIGUSR1, &action, NULL);
  signal(SIGPIPE, SIG_IGN);
  make_arena();
  store = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  store_pages = store < 0 ? MAP_FAILED : mmap(NULL, STORE_MAX, PROT_READ, MAP_SHARED | MAP_NORESERVE, store, 0);
  char path[4400];
  snprintf(path, sizeof path, "%s/control", directory);
  control = listen_at(path);
  events = epoll_create1(EPOLL_CLOEXEC);
  if (store_pages == MAP_FAILED || control < 0 || events < 0) {
    perror("memory-target");
    return 1;
  }
  watch(control, WATCHED(WATCH_CONTROL, 0));
  if (count == 6) {
    strcpy(peer_name, arguments[2]);
    sizes = (struct identity_sizes){strtoul(arguments[3], NULL, 10), strtoul(arguments[4], NULL, 10), strtoul(arguments[5], NULL, 10)};
    if (serve_source(3, sizes) < 0) {
      fprintf(stderr, "memory-target: the source cannot be served: %s\n", tls_words());
      return 1;
    }
  }
  write_status("storing", 0, 0);
  loop();
}
