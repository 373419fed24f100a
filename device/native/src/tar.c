/*
 * tar: what CRIU runs for the content of a tmpfs, made cheap for the usual case.
 *
 * CRIU archives every tmpfs of a container with `tar --create --gzip ... --directory D .` and fills it again with
 * `tar --extract --gzip ... --directory D`. A container has three or four of them with next to nothing inside (/dev, the
 * masks of /sys), and starting GNU tar and gzip for each is a large part of a frozen compute's time. This program, first in
 * CRIU's PATH, does what is small and plain by itself: directories, devices, symbolic links, pipes, files of together at
 * most 256 KB. All else it leaves to the system's tar, before it has read or written anything. What it writes is a gzip file
 * with a POSIX archive (ustar) in stored blocks, which any tar reads; what it has not written itself it does not read.
 *
 * RFC 1951 and 1952; POSIX.1-2017, pax, "ustar Interchange Format".
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define BLOCK 512u
#define LARGEST (256u * 1024)
#define STORED_MAX 65535u
#define DEEPEST 32

/* Flag: a comment follows the header, which tells our archives from others. */
static const unsigned char gzip_header[] = {0x1f, 0x8b, 8, 0x10, 0, 0, 0, 0, 0, 3};
static const char comment[] = "drayage";
#define HEADER_BYTES (sizeof gzip_header + sizeof comment)

struct ustar {
  char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100], magic[6], version[2], user[32],
      group[32], major[8], minor[8], prefix[155], rest[12];
};

static char **given;
static unsigned char archive[LARGEST + 64 * 1024];
static size_t filled;

static void leave_to_tar(void) __attribute__((noreturn));
static void leave_to_tar(void) {
  execv("/usr/bin/tar", given);
  execv("/bin/tar", given);
  _exit(127);
}

static void fail(const char *what) {
  fprintf(stderr, "tar: %s: %s\n", what, strerror(errno));
  exit(2);
}

static uint32_t crc_of(const unsigned char *bytes, size_t count) {
  uint32_t crc = ~0u;
  for (size_t i = 0; i < count; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
  }
  return ~crc;
}

static unsigned sum_of(const struct ustar *header) {
  unsigned sum = 0;
  for (size_t i = 0; i < sizeof *header; i++)
    sum += i >= offsetof(struct ustar, sum) && i < offsetof(struct ustar, type) ? ' ' : ((const unsigned char *)header)[i];
  return sum;
}

/* ---- create ---- */

static int put_number(char *field, size_t size, uint64_t value) {
  return snprintf(field, size, "%0*lo", (int)size - 1, (unsigned long)value) < (int)size;
}

static char type_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG: return '0';
    case S_IFLNK: return '2';
    case S_IFCHR: return '3';
    case S_IFBLK: return '4';
    case S_IFDIR: return '5';
    case S_IFIFO: return '6';
    default: return 0;
  }
}

static void *take_room(size_t bytes) {
  size_t whole = (bytes + BLOCK - 1) / BLOCK * BLOCK;
  if (filled + whole > LARGEST) leave_to_tar();
  void *room = archive + filled;
  filled += whole;
  return room;
}

static void add_content(int parent, const char *name, size_t size) {
  unsigned char *content = take_room(size);
  int file = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOATIME);
  if (file < 0) leave_to_tar();
  for (size_t got = 0; got < size;) {
    ssize_t more = read(file, content + got, size - got);
    if (more <= 0) leave_to_tar();
    got += more;
  }
  close(file);
}

static void add_entry(int parent, const char *name, const char *path, const struct stat *facts) {
  struct ustar *header = take_room(sizeof *header);
  int directory = S_ISDIR(facts->st_mode), plain = S_ISREG(facts->st_mode);
  header->type = type_of(facts->st_mode);
  int good = header->type != 0 && !(plain && (facts->st_nlink > 1 || facts->st_size > LARGEST)) && facts->st_mtime >= 0;
  good = good && snprintf(header->name, sizeof header->name, "%s%s", path, directory ? "/" : "") < (int)sizeof header->name;
  good = good && put_number(header->mode, sizeof header->mode, facts->st_mode & 07777) &&
         put_number(header->uid, sizeof header->uid, facts->st_uid) && put_number(header->gid, sizeof header->gid, facts->st_gid) &&
         put_number(header->size, sizeof header->size, plain ? facts->st_size : 0) &&
         put_number(header->mtime, sizeof header->mtime, facts->st_mtime);
  if (S_ISCHR(facts->st_mode) || S_ISBLK(facts->st_mode))
    good = good && put_number(header->major, sizeof header->major, major(facts->st_rdev)) &&
           put_number(header->minor, sizeof header->minor, minor(facts->st_rdev));
  if (S_ISLNK(facts->st_mode)) {
    ssize_t length = readlinkat(parent, name, header->link, sizeof header->link);
    good = good && length > 0 && length < (ssize_t)sizeof header->link;
  }
  if (!good) leave_to_tar();
  memcpy(header->magic, "ustar", 6);
  memcpy(header->version, "00", 2);
  snprintf(header->sum, sizeof header->sum, "%06o", sum_of(header));
  header->sum[7] = ' ';
  if (plain && facts->st_size > 0) add_content(parent, name, facts->st_size);
}

static void walk(int directory, const char *path, dev_t device, int depth) {
  DIR *list = fdopendir(directory);
  if (!list || depth > DEEPEST) leave_to_tar();
  for (struct dirent *entry; (entry = readdir(list));) {
    char inner[256];
    struct stat facts;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name) >= (int)sizeof inner) leave_to_tar();
    if (fstatat(directory, entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) < 0) leave_to_tar();
    add_entry(directory, entry->d_name, inner, &facts);
    if (!S_ISDIR(facts.st_mode) || facts.st_dev != device) continue;
    int child = openat(directory, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (child < 0) leave_to_tar();
    walk(child, inner, device, depth + 1);
  }
  closedir(list);
}

static void write_all(const void *bytes, size_t count) {
  while (count > 0) {
    ssize_t written = write(1, bytes, count);
    if (written < 0 && errno != EINTR) fail("standard output");
    if (written > 0) {
      bytes = (const char *)bytes + written;
      count -= written;
    }
  }
}

static void create(const char *where) {
  struct stat facts;
  int directory = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0 || fstat(directory, &facts) < 0) leave_to_tar();
  add_entry(directory, ".", ".", &facts);
  walk(directory, ".", facts.st_dev, 0);
  filled += 2 * BLOCK;
  write_all(gzip_header, sizeof gzip_header);
  write_all(comment, sizeof comment);
  for (size_t at = 0; at < filled;) {
    uint16_t part = filled - at < STORED_MAX ? filled - at : STORED_MAX;
    uint16_t lengths[2] = {part, ~part};
    unsigned char last = at + part == filled;
    write_all(&last, 1);
    write_all(lengths, sizeof lengths);
    write_all(archive + at, part);
    at += part;
  }
  uint32_t end[2] = {crc_of(archive, filled), filled};
  write_all(end, sizeof end);
}

/* ---- extract ---- */

static uint64_t number_in(const char *field, size_t size) {
  char text[16] = "";
  memcpy(text, field, size);
  return strtoull(text, NULL, 8);
}

static void *read_archive(size_t *size) {
  static unsigned char packed[sizeof archive * 2];
  off_t from = lseek(0, 0, SEEK_CUR);
  size_t got = 0;
  for (ssize_t more = 1; from >= 0 && more > 0 && got < sizeof packed; got += more > 0 ? more : 0)
    more = pread(0, packed + got, sizeof packed - got, from + got);
  if (got < HEADER_BYTES || memcmp(packed, gzip_header, sizeof gzip_header) != 0 ||
      memcmp(packed + sizeof gzip_header, comment, sizeof comment) != 0)
    leave_to_tar();
  size_t at = HEADER_BYTES;
  for (int last = 0; !last;) {
    uint16_t lengths[2];
    if (at + 5 > got) leave_to_tar();
    last = packed[at];
    memcpy(lengths, packed + at + 1, sizeof lengths);
    at += 5;
    if ((lengths[0] ^ lengths[1]) != 0xffff || at + lengths[0] > got || filled + lengths[0] > sizeof archive) leave_to_tar();
    memcpy(archive + filled, packed + at, lengths[0]);
    filled += lengths[0];
    at += lengths[0];
  }
  uint32_t end[2];
  if (at + sizeof end > got) leave_to_tar();
  memcpy(end, packed + at, sizeof end);
  if (end[0] != crc_of(archive, filled) || end[1] != filled) {
    errno = EBADMSG;
    fail("the archive is damaged");
  }
  *size = filled;
  return archive;
}

/* The directory that an entry lies in. Nothing outside of `root` is ever reached, whatever the names say. */
static int parent_of(int root, char *path, char **name) {
  char *slash = strrchr(path, '/');
  *name = slash ? slash + 1 : path;
  if (slash) *slash = '\0';
  struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
  int parent = syscall(SYS_openat2, root, slash ? path : ".", &how, sizeof how);
  if (parent < 0 || strcmp(*name, "..") == 0 || **name == '\0') fail("a name leads out of the archive's directory");
  return parent;
}

static void make_file(int parent, const char *name, const unsigned char *content, size_t size) {
  int file = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) fail(name);
  for (size_t at = 0; at < size;) {
    ssize_t written = write(file, content + at, size - at);
    if (written < 0) fail(name);
    at += written;
  }
  close(file);
}

static void make_entry(int parent, const char *name, const struct ustar *header, mode_t mode, size_t size) {
  dev_t device = makedev(number_in(header->major, sizeof header->major), number_in(header->minor, sizeof header->minor));
  char link[sizeof header->link + 1] = "";
  memcpy(link, header->link, sizeof header->link);
  if (header->type != '5') unlinkat(parent, name, 0);
  int made = 0;
  switch (header->type) {
    case '0': make_file(parent, name, (const unsigned char *)(header + 1), size); break;
    case '2': made = symlinkat(link, parent, name); break;
    case '3': made = mknodat(parent, name, S_IFCHR | 0600, device); break;
    case '4': made = mknodat(parent, name, S_IFBLK | 0600, device); break;
    case '5': made = mkdirat(parent, name, 0700) < 0 && errno != EEXIST ? -1 : 0; break;
    case '6': made = mkfifoat(parent, name, 0600); break;
    default: errno = EINVAL; made = -1;
  }
  if (made < 0) fail(name);
  uid_t uid = number_in(header->uid, sizeof header->uid);
  gid_t gid = number_in(header->gid, sizeof header->gid);
  if (fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0) fail(name);
  if (header->type != '2' && fchmodat(parent, name, mode, 0) < 0) fail(name);
}

static void set_time(int parent, const char *name, const struct ustar *header) {
  struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = number_in(header->mtime, sizeof header->mtime)}};
  if (utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0) fail(name);
}

/* All entries in their order; with `times` only what making others has changed again: the times. */
static void extract_all(int root, const unsigned char *bytes, size_t size, int times) {
  for (size_t at = 0; at + BLOCK <= size;) {
    const struct ustar *header = (const struct ustar *)(bytes + at);
    if (header->name[0] == '\0') return;
    size_t content = number_in(header->size, sizeof header->size);
    if (number_in(header->sum, sizeof header->sum) != sum_of(header) || content > size - at - BLOCK) {
      errno = EBADMSG;
      fail("the archive is damaged");
    }
    at += BLOCK + (content + BLOCK - 1) / BLOCK * BLOCK;
    char path[sizeof header->name + 1] = "", *name;
    memcpy(path, header->name, sizeof header->name);
    size_t length = strlen(path);
    if (length > 1 && path[length - 1] == '/') path[length - 1] = '\0';
    mode_t mode = number_in(header->mode, sizeof header->mode) & 07777;
    int parent = strcmp(path, ".") == 0 ? root : parent_of(root, path, &name);
    if (parent == root) name = ".";
    if (times) set_time(parent, name, header);
    else make_entry(parent, name, header, mode, content);
    if (parent != root) close(parent);
  }
}

static void extract(const char *where) {
  size_t size;
  const unsigned char *bytes = read_archive(&size);
  int root = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) fail(where);
  extract_all(root, bytes, size, 0);
  extract_all(root, bytes, size, 1);
  lseek(0, 0, SEEK_END);
}

/* Options that change nothing about what is done here. */
static int harmless(const char *argument) {
  static const char *known[] = {"--gzip",        "--no-unquote", "--no-wildcards",   "--one-file-system", "--check-links",
                                "--preserve-permissions", "--sparse",     "--numeric-owner"};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(argument, known[i]) == 0) return 1;
  return 0;
}

int main(int count, char **arguments) {
  given = arguments;
  const char *where = NULL;
  int creates = 0, extracts = 0, all = 0, gzip = 0;
  for (int i = 1; i < count; i++) {
    if (strcmp(arguments[i], "--create") == 0) creates = 1;
    else if (strcmp(arguments[i], "--extract") == 0) extracts = 1;
    else if (strcmp(arguments[i], "--directory") == 0 && i + 1 < count) where = arguments[++i];
    else if (strcmp(arguments[i], ".") == 0) all = 1;
    else if (!harmless(arguments[i])) leave_to_tar();
    if (strcmp(arguments[i], "--gzip") == 0) gzip = 1;
  }
  if (!where || !gzip || creates == extracts || creates != all) leave_to_tar();
  if (creates) create(where);
  else extract(where);
  return 0;
}
