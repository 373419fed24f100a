/*
 * tree-source: reads a tree of files on a tmpfs for a move, and writes what the target's tree lacks (treeRecords.h).
 *
 *   tree-source ROOT PATH BEFORE AFTER
 *
 * PATH lies in the root directory ROOT (/proc/PID/root of a compute; its symbolic links are not followed). BEFORE is the
 * state that the last pass has left; when there is no such file, everything is sent. AFTER gets the state for the next pass
 * (`-`: there is none). It begins when a line comes from standard input, and may run while files change: what one pass has
 * missed, the next one finds.
 *
 * On a tmpfs what is written through mmap changes no time, so that every page is looked at; one is sent when its hash is not
 * that of what was sent last from its place.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "treeRecords.h"
#include "treeState.h"

/* Files bear the kernel's coarse clock, which is up to one tick (10 ms at HZ=100) behind. Nanoseconds. */
#define TICK_MARGIN 20000000ll
#define PIECE_PAGES (TREE_DATA_MAX / PAGE)

static struct state before, now;
static dev_t device;
static int64_t unsure_since;

static int64_t nanoseconds(struct timespec time) { return time.tv_sec * 1000000000ll + time.tv_nsec; }

/* ---- the stream */

static void put_record(uint32_t kind, const char *path, uint64_t a, uint64_t b, const void *rest, size_t bytes) {
  struct tree_record record = {kind, path ? strlen(path) : 0, a, b};
  struct iovec parts[3] = {{&record, sizeof record}, {(void *)path, record.path_bytes}, {(void *)rest, bytes}};
  for (int at = 0; at < 3;) {
    ssize_t written = writev(1, parts + at, 3 - at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) die("standard output");
    for (; at < 3 && (size_t)written >= parts[at].iov_len; at++) written -= parts[at].iov_len;
    if (at < 3) {
      parts[at].iov_base = (char *)parts[at].iov_base + written;
      parts[at].iov_len -= written;
    }
  }
}

/* ---- what is there */

static void note(int directory, const char *name, const char *path, uint32_t parent);

static void walk(int directory, const char *path, uint32_t parent) {
  DIR *stream = fdopendir(directory);
  if (!stream) die("fdopendir");
  for (struct dirent *found; (found = readdir(stream));) {
    if (!strcmp(found->d_name, ".") || !strcmp(found->d_name, "..")) continue;
    char below[TREE_PATH_MAX + 1];
    if (snprintf(below, sizeof below, "%s%s%s", path, *path ? "/" : "", found->d_name) >= (int)sizeof below) {
      errno = ENAMETOOLONG;
      die(path);
    }
    note(directory, found->d_name, below, parent);
  }
  closedir(stream);
}

static struct entry *add_found(const char *path, const struct stat *facts, uint32_t parent) {
  struct entry *entry = add_entry(&now, path);
  int64_t changed = nanoseconds(facts->st_ctim);
  entry->facts.inode = facts->st_ino;
  entry->facts.changed = changed < unsure_since ? changed : 0;
  entry->facts.modified = nanoseconds(facts->st_mtim);
  entry->facts.mode = facts->st_mode;
  entry->facts.user = facts->st_uid;
  entry->facts.group = facts->st_gid;
  entry->parent = parent;
  entry->names = facts->st_nlink;
  return entry;
}

/* Unix sockets are made by the restore; other file systems that are mounted below are no part of the tree. */
static void note(int directory, const char *name, const char *path, uint32_t parent) {
  struct stat facts;
  if (fstatat(directory, name, &facts, AT_SYMLINK_NOFOLLOW) < 0 || S_ISSOCK(facts.st_mode) || facts.st_dev != device) return;
  uint32_t index = now.count;
  add_found(path, &facts, parent);
  if (!S_ISDIR(facts.st_mode)) return;
  int below = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (below >= 0) walk(below, path, index);
}

/* The same inode under the same name, below directories that are the same too, is on the target already. */
static void compare(void) {
  for (uint32_t i = 0; i < now.count; i++) {
    struct entry *entry = &now.entries[i], *known = find_path(&before, entry->path);
    int same = known && known->facts.inode == entry->facts.inode &&
               (known->facts.mode & S_IFMT) == (entry->facts.mode & S_IFMT) && (i == 0 || !now.entries[entry->parent].fresh);
    entry->fresh = !same && i > 0;
    if (!same) continue;
    known->found = 1;
    entry->before = known;
  }
}

static int removed_with_parent(const char *path) {
  char above[TREE_PATH_MAX + 1];
  strcpy(above, path);
  char *end = strrchr(above, '/');
  if (!end) return 0;
  *end = 0;
  struct entry *parent = find_path(&before, above);
  return parent && !parent->found;
}

static void send_removals(void) {
  for (uint32_t i = 0; i < before.count; i++) {
    const struct entry *entry = &before.entries[i];
    if (!entry->found && *entry->path && !removed_with_parent(entry->path)) put_record(TREE_REMOVE, entry->path, 0, 0, NULL, 0);
  }
}

/* ---- content */

/* Neighbouring pages that have changed, all of them to zeros or none. */
struct run {
  struct entry *entry;
  int zeros, announced, sent;
  uint64_t first, count;
  const unsigned char *data;
};

static void announce(struct run *run) {
  if (!run->announced) put_record(TREE_FILE, run->entry->path, run->entry->facts.size, run->entry->fresh, NULL, 0);
  run->announced = 1;
}

static void flush_run(struct run *run) {
  if (run->count == 0) return;
  announce(run);
  uint64_t size = run->entry->facts.size;
  uint64_t offset = run->first * PAGE, end = (run->first + run->count) * PAGE, bytes = (end < size ? end : size) - offset;
  put_record(run->zeros ? TREE_HOLE : TREE_DATA, NULL, offset, bytes, run->zeros ? NULL : run->data, run->zeros ? 0 : bytes);
  run->count = 0;
  run->sent = 1;
}

static void take_page(struct run *run, uint64_t page, const unsigned char *data) {
  struct entry *entry = run->entry;
  static const struct page_hash zero;
  struct page_hash hash = data ? hash_page(&now.key, data) : zero;
  struct page_hash known = entry->before && page < entry->before->facts.pages ? entry->before->hashes[page] : zero;
  entry->hashes[page] = hash;
  if (same_hash(hash, known)) return;
  if (run->count > 0 && (run->zeros != !data || run->first + run->count != page)) flush_run(run);
  if (run->count == 0) run->zeros = !data, run->first = page, run->data = data;
  run->count++;
}

static int is_zero(const unsigned char *page) { return page[0] == 0 && !memcmp(page, page + 1, PAGE - 1); }

/* Sends what of an open file's content the target lacks; whether it was anything. */
static int send_content(int file, struct entry *entry) {
  static unsigned char buffer[TREE_DATA_MAX];
  struct run run = {.entry = entry};
  uint64_t size = entry->facts.size;
  if (entry->fresh || size != entry->before->facts.size) announce(&run);
  uint64_t page = 0, pages = entry->facts.pages;
  while (page < pages) {
    off_t data = lseek(file, page * PAGE, SEEK_DATA), hole = data < 0 ? -1 : lseek(file, data, SEEK_HOLE);
    if (data < 0 || (uint64_t)data > size) data = size;
    for (; page < pages && (page + 1) * PAGE <= (uint64_t)data; page++) take_page(&run, page, NULL);
    if ((uint64_t)data == size) {
      for (; page < pages; page++) take_page(&run, page, NULL);
      break;
    }
    uint64_t end = hole < 0 || (uint64_t)hole > size ? pages : ((uint64_t)hole + PAGE - 1) / PAGE;
    for (uint64_t count; page < end; page += count) {
      count = end - page < PIECE_PAGES ? end - page : PIECE_PAGES;
      ssize_t got = pread(file, buffer, count * PAGE, page * PAGE);
      if (got < 0) die(entry->path);
      memset(buffer + got, 0, count * PAGE - got);
      for (uint64_t i = 0; i < count; i++)
        take_page(&run, page + i, is_zero(buffer + i * PAGE) ? NULL : buffer + i * PAGE);
      flush_run(&run);
    }
  }
  flush_run(&run);
  return run.sent;
}

/* ---- one name after the other */

static void send_attributes(const struct entry *entry, const struct stat *facts) {
  static char names[TREE_XATTRS_MAX / 2], all[TREE_XATTRS_MAX];
  const char *path = *entry->path ? entry->path : ".";
  size_t used = 0;
  ssize_t listed = llistxattr(path, names, sizeof names);
  for (char *name = names; name < names + (listed < 0 ? 0 : listed); name += strlen(name) + 1) {
    size_t head = strlen(name) + 1 + sizeof(uint32_t);
    if (used + head > sizeof all) break;
    ssize_t got = lgetxattr(path, name, all + used + head, sizeof all - used - head);
    if (got < 0) continue;
    uint32_t bytes = got;
    strcpy(all + used, name);
    memcpy(all + used + strlen(name) + 1, &bytes, sizeof bytes);
    used += head + got;
  }
  static char payload[sizeof(struct tree_attributes) + TREE_XATTRS_MAX];
  struct tree_attributes attributes = {
      facts->st_mode & 07777, facts->st_uid, facts->st_gid, facts->st_mtim.tv_nsec,
      facts->st_mtim.tv_sec, facts->st_atim.tv_sec, facts->st_atim.tv_nsec, 0};
  memcpy(payload, &attributes, sizeof attributes);
  memcpy(payload + sizeof attributes, all, used);
  put_record(TREE_ATTRIBUTES, entry->path, used, 0, payload, sizeof attributes + used);
}

/* It went away, or another came in its place, since it was listed: the target keeps what it has of it. */
static void lost(struct entry *entry) {
  entry->gone = entry->before == NULL;
  if (!entry->before) return;
  uint32_t bytes = entry->facts.path_bytes;
  entry->facts = entry->before->facts;
  entry->facts.path_bytes = bytes;
  entry->hashes = entry->before->hashes;
}

static int send_file(struct entry *entry) {
  struct stat facts;
  int file = open(entry->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOATIME);
  if (file < 0 && errno == EPERM) file = open(entry->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (file < 0 || fstat(file, &facts) < 0 || facts.st_ino != entry->facts.inode) {
    if (file < 0 && errno != ENOENT && errno != ELOOP && errno != ENOTDIR && errno != ENXIO) die(entry->path);
    if (file >= 0) close(file);
    lost(entry);
    return 0;
  }
  entry->facts.size = facts.st_size;
  entry->facts.pages = ((uint64_t)facts.st_size + PAGE - 1) / PAGE;
  entry->hashes = need(malloc((entry->facts.pages + 1) * sizeof *entry->hashes));
  int sent = send_content(file, entry);
  close(file);
  return sent;
}

static void send_link_text(struct entry *entry) {
  char text[TREE_PATH_MAX + 1];
  ssize_t length = readlink(entry->path, text, sizeof text);
  if (length < 0 || length > (ssize_t)TREE_PATH_MAX) return lost(entry);
  put_record(TREE_SYMLINK, entry->path, length, 0, text, length);
}

/* Of several names of one file the one that the target has already, else the first that is met. */
static struct entry *first_name(struct entry *entry) {
  struct entry *first = NULL;
  for (uint32_t i = 0; i < now.count; i++) {
    struct entry *other = &now.entries[i];
    if (other->facts.inode != entry->facts.inode || other->gone) continue;
    if (!other->fresh) return other;
    if (!first) first = other;
  }
  return first;
}

static int is_same_as_before(const struct entry *entry) {
  if (entry->fresh || !entry->before) return 0;
  const struct saved_facts *a = &entry->facts, *b = &entry->before->facts;
  return a->changed != 0 && a->changed == b->changed && a->modified == b->modified && a->mode == b->mode &&
         a->user == b->user && a->group == b->group;
}

static void send_entry(struct entry *entry) {
  uint32_t type = entry->facts.mode & S_IFMT;
  struct stat facts;
  int sent = 0;
  if (type != S_IFDIR && entry->names > 1) {
    struct entry *first = first_name(entry);
    if (first != entry && entry->fresh)
      put_record(TREE_LINK, entry->path, first->facts.path_bytes, 0, first->path, first->facts.path_bytes);
    if (first != entry) return;
  }
  if (type == S_IFREG) sent = send_file(entry);
  else if (entry->fresh && type == S_IFDIR) put_record(TREE_DIRECTORY, entry->path, 0, 0, NULL, 0);
  else if (entry->fresh && type == S_IFLNK) send_link_text(entry);
  else if (entry->fresh && lstat(entry->path, &facts) == 0)
    put_record(TREE_NODE, entry->path, entry->facts.mode, facts.st_rdev, NULL, 0);
  if (entry->gone || (!sent && is_same_as_before(entry))) return;
  if (lstat(*entry->path ? entry->path : ".", &facts) < 0 || facts.st_ino != entry->facts.inode) return;
  send_attributes(entry, &facts);
}

/* ---- */

/*
 * From here on only the tree is to be seen: a directory that is replaced by a symbolic link while this reads leads nowhere
 * else. Without root nobody else's files could be read anyway.
 */
static void enter(const char *directory, const char *path) {
  struct stat facts;
  struct open_how how = {
      .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
      .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
  };
  int outer = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (outer < 0) die(directory);
  int inner = syscall(SYS_openat2, outer, path, &how, sizeof how);
  if (inner < 0 || fstat(inner, &facts) < 0 || fchdir(inner) < 0) die(path);
  if (geteuid() == 0 && chroot(".") < 0) die("chroot");
  close(outer);
  device = facts.st_dev;
  add_found("", &facts, 0);
  walk(inner, "", 0);
}

int main(int argc, char **argv) {
  char line[16];
  struct timespec time;
  if (argc != 5) {
    fprintf(stderr, "usage: tree-source ROOT PATH BEFORE AFTER\n");
    return 2;
  }
  FILE *after = strcmp(argv[4], "-") ? fopen(argv[4], "we") : NULL;
  if (!after && strcmp(argv[4], "-")) die(argv[4]);
  fcntl(1, F_SETPIPE_SZ, 1 << 20);
  if (!fgets(line, sizeof line, stdin)) return 0;
  /* Only now: another pass may have run since this one was started. */
  before = read_state(argv[3]);
  now.key = before.key;
  clock_gettime(CLOCK_REALTIME, &time);
  unsure_since = nanoseconds(time) - TICK_MARGIN;
  enter(argv[1], argv[2]);
  compare();
  send_removals();
  for (uint32_t i = 0; i < now.count; i++) send_entry(&now.entries[i]);
  if (after) write_state(&now, after);
  put_record(TREE_END, NULL, 0, 0, NULL, 0);
  return 0;
}
