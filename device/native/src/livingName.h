/*
 * The name that a file still has, when the one it was opened by is gone. sem_open(3) makes a semaphore under a name for the
 * moment, links it to its own and unlinks the first, and its maker has it mapped by the first for ever. CRIU knows only the
 * name by which a file was opened. It would have to link it once more (--link-remap), into files that are compared with the
 * target's at the same time.
 *
 * Looked for in the directory of the lost name, in the compute's mounts: DRAYAGE_ROOT, /proc/PID/root of its first process.
 */
#ifndef LIVING_NAME_H
#define LIVING_NAME_H

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int same_file(const struct stat *one, const struct stat *other) {
  return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

/* A directory of the compute, by its path there. No link leads out of the compute's own root. */
static DIR *open_in_compute(const char *path) {
  const char *root_path = getenv("DRAYAGE_ROOT");
  int root = root_path ? open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
  if (root < 0) return NULL;
  struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  int fd = syscall(SYS_openat2, root, path, &how, sizeof how);
  close(root);
  DIR *directory = fd < 0 ? NULL : fdopendir(fd);
  if (fd >= 0 && !directory) close(fd);
  return directory;
}

/* The name in the directory that is this file's, valid until the directory is read on; NULL when there is none. */
static const char *name_in(DIR *directory, const struct stat *file) {
  for (struct dirent *entry; (entry = readdir(directory));) {
    struct stat found;
    if (entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN) continue;
    if (fstatat(dirfd(directory), entry->d_name, &found, AT_SYMLINK_NOFOLLOW) == 0 && same_file(&found, file))
      return entry->d_name;
  }
  return NULL;
}

/* Puts the living name into `target`, which holds the descriptor's, `length` long; returns the length of what is there now. */
static ssize_t living_name(int fd, char *target, ssize_t length, size_t size) {
  static const char gone[] = " (deleted)";
  const ssize_t tail = sizeof gone - 1;
  char directory_path[4096];
  struct stat file;
  if (length <= tail || memcmp(target + length - tail, gone, tail) != 0 || length >= (ssize_t)sizeof directory_path) return length;
  if (fstat(fd, &file) < 0 || !S_ISREG(file.st_mode) || file.st_nlink == 0) return length;
  memcpy(directory_path, target, length - tail);
  directory_path[length - tail] = '\0';
  char *slash = strrchr(directory_path, '/');
  if (!slash) return length;
  slash[1] = '\0';
  DIR *directory = open_in_compute(directory_path);
  const char *name = directory ? name_in(directory, &file) : NULL;
  size_t before = slash + 1 - directory_path, more = name ? strlen(name) : 0;
  if (name && before + more <= size) {
    memcpy(target + before, name, more);
    length = before + more;
  }
  if (directory) closedir(directory);
  return length;
}

#endif
