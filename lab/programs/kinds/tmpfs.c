/*
 * A tmpfs of 100 MB at /scratch: a file that is mostly written to through a mapping, one that is written by write(2), many
 * that come, go and are replaced, hard and symbolic links, and one that has no name any more.
 */
#define _GNU_SOURCE
#include "kinds.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define DIRECTORY "/scratch"
#define TMPFS_MAGIC 0x01021994
#define MAPPED ((64u << 20) / PAGE)
#define WRITTEN ((24u << 20) / PAGE)
#define NAMELESS ((4u << 20) / PAGE)
#define FILES 64
#define FILE_PAGES 32u
#define EVERY_MS 5

struct file {
  char path[64];
  uint64_t version; /* 0: there is none */
  size_t pages;
};

static int make(const char *path, size_t pages) {
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd < 0) failed(path);
  if (pages > 0 && ftruncate(fd, pages * PAGE) < 0) failed("ftruncate");
  return fd;
}

static struct pages map_file(int fd, size_t count, uint64_t identity) {
  void *at = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) failed("mmap");
  struct pages pages = new_pages(at, count, identity);
  for (size_t i = 0; i < count; i++) write_page(&pages, i);
  return pages;
}

/* ---- a file that is only written to by write(2) */

struct written {
  int fd;
  uint64_t *versions;
};

static void put(struct written *file, size_t index) {
  unsigned char page[PAGE];
  fill_page(page, (12ull << 32) + index, ++file->versions[index]);
  if (pwrite(file->fd, page, PAGE, index * PAGE) != PAGE) failed("pwrite");
}

static void look(const struct written *file, size_t index) {
  unsigned char page[PAGE];
  if (pread(file->fd, page, PAGE, index * PAGE) != PAGE) failed("pread");
  if (!page_is(page, (12ull << 32) + index, file->versions[index])) wrong("written file: page %zu is lost", index);
}

/* ---- files that come and go */

static void create(struct file *file, uint64_t identity) {
  unsigned char page[PAGE];
  char fresh[80];
  snprintf(fresh, sizeof fresh, "%s.new", file->path);
  file->version++;
  file->pages = random_below(FILE_PAGES);
  int fd = make(fresh, 0);
  for (size_t i = 0; i < file->pages; i++) {
    fill_page(page, identity + i, file->version);
    if (write(fd, page, PAGE) != PAGE) failed("write");
  }
  close(fd);
  /* Sometimes its name is free, and sometimes it replaces another. */
  if (rename(fresh, file->path) < 0) failed("rename");
}

static void check_file(const struct file *file, uint64_t identity) {
  unsigned char page[PAGE];
  int fd = open(file->path, O_RDONLY | O_CLOEXEC);
  if (file->version == 0) {
    if (fd >= 0 || errno != ENOENT) wrong("%s is there though it was removed", file->path);
    return;
  }
  if (fd < 0) failed(file->path);
  for (size_t i = 0; i < file->pages; i++)
    if (read(fd, page, PAGE) != PAGE || !page_is(page, identity + i, file->version)) wrong("%s: page %zu is not of version %d", file->path, i, (int)file->version);
  if (read(fd, page, PAGE) != 0) wrong("%s is longer than it must be", file->path);
  close(fd);
}

static void change_files(struct file *files) {
  size_t index = random_below(FILES);
  struct file *file = &files[index];
  uint64_t identity = (20ull + index) << 32;
  check_file(file, identity);
  if (file->version > 0 && random_below(3) == 0) {
    if (unlink(file->path) < 0) failed("unlink");
    *file = (struct file){.version = 0};
    snprintf(file->path, sizeof file->path, DIRECTORY "/many/%zu", index);
  } else {
    create(file, identity);
  }
}

/* ---- */

static void check_links(void) {
  struct stat one, other;
  char text[32] = "";
  if (stat(DIRECTORY "/mapped", &one) < 0 || stat(DIRECTORY "/also-mapped", &other) < 0) failed("stat");
  if (one.st_ino != other.st_ino || one.st_nlink != 2) wrong("hard links: two files, or %d names", (int)one.st_nlink);
  if (readlink(DIRECTORY "/link", text, sizeof text - 1) < 0 || strcmp(text, "mapped")) wrong("the symbolic link leads to %s", text);
  if (stat(DIRECTORY "/closed", &one) < 0 || (one.st_mode & 07777) != 02751 || one.st_uid != 123 || one.st_gid != 456) wrong("a directory's mode or owner has changed");
  if (one.st_mtim.tv_sec != 86400 || one.st_mtim.tv_nsec != 500) wrong("a directory's time has changed");
}

static void make_links(void) {
  static const struct timespec times[2] = {{86400, 500}, {86400, 500}};
  if (link(DIRECTORY "/mapped", DIRECTORY "/also-mapped") < 0 || symlink("mapped", DIRECTORY "/link") < 0) failed("link");
  if (mkdir(DIRECTORY "/many", 0700) < 0 || mkdir(DIRECTORY "/closed", 0700) < 0) failed("mkdir");
  if (chown(DIRECTORY "/closed", 123, 456) < 0 || chmod(DIRECTORY "/closed", 02751) < 0) failed("chown, chmod");
  if (utimensat(AT_FDCWD, DIRECTORY "/closed", times, 0) < 0) failed("utimensat");
}

void run_tmpfs(void) {
  static struct file files[FILES];
  struct statfs info;
  if (statfs(DIRECTORY, &info) < 0 || info.f_type != TMPFS_MAGIC) wrong(DIRECTORY " is no tmpfs");
  int fd = make(DIRECTORY "/mapped", MAPPED), nameless = make(DIRECTORY "/gone", NAMELESS);
  struct pages mapped = map_file(fd, MAPPED, 11), gone = map_file(nameless, NAMELESS, 13);
  struct written written = {make(DIRECTORY "/written", WRITTEN), calloc(WRITTEN, sizeof(uint64_t))};
  if (!written.versions) failed("calloc");
  for (size_t i = 0; i < WRITTEN; i++) put(&written, i);
  make_links();
  for (size_t i = 0; i < FILES; i++) snprintf(files[i].path, sizeof files[i].path, DIRECTORY "/many/%zu", i);
  if (unlink(DIRECTORY "/gone") < 0) failed("unlink");
  for (uint64_t round = 1;; round++) {
    for (int i = 0; i < 4; i++) {
      size_t index = random_below(MAPPED);
      check_page(&mapped, index, "mapped file");
      write_page(&mapped, index);
      look(&written, index % WRITTEN);
      put(&written, index % WRITTEN);
    }
    work_on_pages(&gone, "file without a name");
    change_files(files);
    check_links();
    if (round % 400 == 0) {
      check_pages(&mapped, "mapped file");
      for (size_t i = 0; i < WRITTEN; i++) look(&written, i);
    }
    iterated(EVERY_MS);
  }
}
