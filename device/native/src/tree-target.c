/*
 * tree-target: makes a tree of files equal to the one that tree-source has read, from the stream on standard input.
 *
 *   tree-target DIRECTORY [--afresh]        --afresh: what is in the directory is removed first
 *
 * As root it sees nothing but the directory (chroot): whatever names and symbolic links a stream holds, it cannot write
 * elsewhere. Ends with 0 only when the stream came to its end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "treeRecords.h"

#define OPEN_DIRECTORIES 64

/* A directory's times change with what comes and goes in it: they are set at the end. */
struct later {
  char *path;
  struct tree_attributes attributes;
};

static struct later *laters;
static size_t later_count, later_room;
static int file = -1;
static char buffer[TREE_DATA_MAX];
static const char *current = "the stream";

static void die(const char *what) {
  fprintf(stderr, "%s: %s: %s\n", current, what, strerror(errno));
  exit(1);
}

static void refuse(const char *why) {
  fprintf(stderr, "%s: %s\n", current, why);
  exit(1);
}

static void take(void *into, size_t bytes) {
  if (bytes > 0 && fread(into, bytes, 1, stdin) != 1) refuse("the stream ends too early");
}

static void take_path(char *into, size_t bytes) {
  if (bytes > TREE_PATH_MAX) refuse("a path is too long");
  take(into, bytes);
  into[bytes] = 0;
  if (strlen(into) != bytes) refuse("a path holds a 0");
}

/* ---- what is there goes */

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *at) {
  (void)facts, (void)type;
  if (at->level == 0 && !strcmp(path, ".")) return 0;
  return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

static void remove_all(const char *path) {
  if (nftw(path, remove_one, OPEN_DIRECTORIES, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0 && errno != ENOENT) die("removing");
}

/* ---- what is new comes */

static void open_file(const char *path, uint64_t size, int make) {
  if (file >= 0) close(file);
  file = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | (make ? O_CREAT | O_EXCL : 0), 0600);
  if (file < 0) die("opening");
  if (ftruncate(file, size) < 0) die("ftruncate");
}

static void write_data(uint64_t offset, uint64_t bytes) {
  if (bytes > sizeof buffer) refuse("a piece is too long");
  take(buffer, bytes);
  for (uint64_t done = 0; done < bytes;) {
    ssize_t written = pwrite(file, buffer + done, bytes - done, offset + done);
    if (written < 0) die("writing");
    done += written;
  }
}

static void punch(uint64_t offset, uint64_t bytes) {
  if (fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes) < 0) die("punching a hole");
}

/* ---- attributes */

static int is_named(const char *name, const char *all, size_t bytes) {
  for (size_t at = 0; at < bytes;) {
    uint32_t length;
    if (!strcmp(all + at, name)) return 1;
    at += strlen(all + at) + 1;
    memcpy(&length, all + at, sizeof length);
    at += sizeof length + length;
  }
  return 0;
}

static void set_xattrs(const char *path, const char *all, size_t bytes) {
  static char names[TREE_XATTRS_MAX];
  ssize_t listed = llistxattr(path, names, sizeof names);
  for (char *name = names; name < names + (listed < 0 ? 0 : listed); name += strlen(name) + 1)
    if (!is_named(name, all, bytes)) lremovexattr(path, name);
  for (size_t at = 0; at < bytes;) {
    const char *name = all + at;
    uint32_t length;
    at += strlen(name) + 1;
    memcpy(&length, all + at, sizeof length);
    at += sizeof length;
    /* Labels of a security module are this machine's own matter. */
    if (lsetxattr(path, name, all + at, length, 0) < 0 && errno != EOPNOTSUPP && errno != EPERM) die(name);
    at += length;
  }
}

static void check_xattrs(const char *all, size_t bytes) {
  for (size_t at = 0; at < bytes;) {
    const char *end = memchr(all + at, 0, bytes - at);
    uint32_t length;
    if (!end || (at = end + 1 - all) + sizeof length > bytes) refuse("damaged attributes");
    memcpy(&length, all + at, sizeof length);
    if (length > bytes - at - sizeof length) refuse("damaged attributes");
    at += sizeof length + length;
  }
}

static void set_times(const char *path, const struct tree_attributes *attributes) {
  struct timespec times[2] = {{attributes->accessed, attributes->accessed_ns}, {attributes->modified, attributes->modified_ns}};
  if (utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) < 0) die("setting times");
}

static void set_attributes(const char *path, uint64_t bytes) {
  static char all[TREE_XATTRS_MAX];
  struct tree_attributes attributes;
  struct stat facts;
  take(&attributes, sizeof attributes);
  if (bytes > sizeof all) refuse("too many attributes");
  take(all, bytes);
  check_xattrs(all, bytes);
  if (!*path) path = ".";
  if (lstat(path, &facts) < 0) die("lstat");
  if ((facts.st_uid != attributes.user || facts.st_gid != attributes.group) && lchown(path, attributes.user, attributes.group) < 0)
    die("chown");
  if (!S_ISLNK(facts.st_mode) && chmod(path, attributes.mode & 07777) < 0) die("chmod");
  set_xattrs(path, all, bytes);
  if (!S_ISDIR(facts.st_mode)) return set_times(path, &attributes);
  if (later_count == later_room) {
    later_room = later_room ? later_room * 2 : 64;
    laters = realloc(laters, later_room * sizeof *laters);
  }
  char *kept = strdup(path);
  if (!laters || !kept) die("out of memory");
  laters[later_count++] = (struct later){kept, attributes};
}

/* ---- */

static void apply(const struct tree_record *record, const char *path) {
  char text[TREE_PATH_MAX + 1];
  switch (record->kind) {
    case TREE_REMOVE: return remove_all(path);
    case TREE_DIRECTORY:
      if (mkdir(path, 0700) < 0) die("mkdir");
      return;
    case TREE_FILE: return open_file(path, record->a, record->b == 1);
    case TREE_DATA: return write_data(record->a, record->b);
    case TREE_HOLE: return punch(record->a, record->b);
    case TREE_LINK:
      take_path(text, record->a);
      if (link(text, path) < 0) die("link");
      return;
    case TREE_SYMLINK:
      take_path(text, record->a);
      if (symlink(text, path) < 0) die("symlink");
      return;
    case TREE_NODE:
      if (mknod(path, record->a, record->b) < 0) die("mknod");
      return;
    case TREE_ATTRIBUTES: return set_attributes(path, record->a);
    default: refuse("a record of no known kind");
  }
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: tree-target DIRECTORY [--afresh]\n");
    return 2;
  }
  umask(0);
  fcntl(0, F_SETPIPE_SZ, 1 << 20);
  setvbuf(stdin, NULL, _IOFBF, 1 << 17);
  if (chdir(argv[1]) < 0 || (geteuid() == 0 && chroot(".") < 0)) die(argv[1]);
  if (argc == 3 && !strcmp(argv[2], "--afresh")) remove_all(".");
  for (;;) {
    struct tree_record record;
    char path[TREE_PATH_MAX + 1];
    take(&record, sizeof record);
    if (record.kind == TREE_END) break;
    take_path(path, record.path_bytes);
    current = record.path_bytes > 0 ? path : current;
    apply(&record, path);
    current = "the stream";
  }
  while (later_count-- > 0) set_times(laters[later_count].path, &laters[later_count].attributes);
  return 0;
}
