/*
 * The mappings of a process, from /proc/PID/maps (proc(5)), sorted into what CRIU does with them.
 *
 * LAZY: private and anonymous, not locked, not droppable, not of huge pages, not the kernel's own: what `criu restore --lazy-pages`
 * registers with userfaultfd. Every reader of a process's mappings uses this one rule: what the scan copies, what the
 * dump does not see and what the pager serves are the same pages.
 */
#ifndef MAPPINGS_H
#define MAPPINGS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

enum mapping_kind {
  MAPPING_NONE,    /* nothing of it is in a dump: the kernel's, or a shared file's */
  MAPPING_LAZY,    /* private anonymous memory */
  MAPPING_PRIVATE, /* a private mapping that CRIU writes itself: of a file, or locked */
  MAPPING_SHARED,  /* shared memory without a file: anonymous, memfd, SysV */
};

struct mapping {
  uint64_t start, end;
  enum mapping_kind kind;
};

struct mappings {
  struct mapping *items;
  size_t count, room;
  /* The process has asked the kernel for input and output that goes on while it is frozen (aio, io_uring). */
  int direct;
};

static int starts_with(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

/* Whether the process has locked memory (VmLck): each mapping has to be asked then (VmFlags `lo`). */
static int has_locked_memory(const char *directory) {
  char path[128], line[256];
  unsigned long locked = 0;
  snprintf(path, sizeof path, "%s/status", directory);
  FILE *file = fopen(path, "re");
  if (!file) return 0;
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "VmLck: %lu", &locked) == 1) break;
  fclose(file);
  return locked > 0;
}

/*
 * Whether the kernel has memory that it may drop (MAP_DROPPABLE, Linux 6.11): glibc 2.41 keeps the state of getrandom() in a
 * page of it. The kernel registers no such mapping with userfaultfd, and only VmFlags tell of it (`dp`).
 */
static int has_droppable_memory(void) {
  static int known = -1;
  struct utsname name;
  int major, minor;
  if (known < 0)
    known = uname(&name) == 0 && sscanf(name.release, "%d.%d", &major, &minor) == 2 && (major > 6 || (major == 6 && minor >= 11));
  return known;
}

static enum mapping_kind kind_of(const char *permissions, uint64_t inode, const char *name) {
  if (permissions[3] == 's') {
    int shared = starts_with(name, "/dev/zero (deleted)") || starts_with(name, "/memfd:") || starts_with(name, "/SYSV");
    return shared ? MAPPING_SHARED : MAPPING_NONE;
  }
  if (inode != 0) return starts_with(name, "/anon_hugepage") ? MAPPING_NONE : MAPPING_PRIVATE;
  if (name[0] == '\0' || starts_with(name, "[heap]") || starts_with(name, "[stack") || starts_with(name, "[anon:"))
    return MAPPING_LAZY;
  return MAPPING_NONE;
}

/* Reads the mappings of the process at `directory` (/proc/PID). Returns 0, or -1 when it is gone or memory is short. */
static int read_mappings(const char *directory, struct mappings *into) {
  char path[128];
  int asked = has_droppable_memory() || has_locked_memory(directory);
  snprintf(path, sizeof path, "%s/%s", directory, asked ? "smaps" : "maps");
  FILE *file = fopen(path, "re");
  if (!file) return -1;
  char *line = NULL;
  size_t size = 0;
  struct mapping *last = NULL;
  into->count = 0;
  into->direct = 0;
  while (getline(&line, &size, file) > 0) {
    unsigned long start, end, inode;
    char permissions[8];
    int at = 0;
    if (sscanf(line, "%lx-%lx %4s %*s %*s %lu %n", &start, &end, permissions, &inode, &at) < 4) {
      if (last && last->kind == MAPPING_LAZY && starts_with(line, "VmFlags:") &&
          (strstr(line, " lo") || strstr(line, " ht") || strstr(line, " dp")))
        last->kind = MAPPING_PRIVATE;
      continue;
    }
    if (into->count == into->room) {
      size_t room = into->room ? into->room * 2 : 256;
      struct mapping *items = realloc(into->items, room * sizeof *items);
      if (!items) {
        free(line);
        fclose(file);
        return -1;
      }
      into->items = items;
      into->room = room;
    }
    char *name = line + at;
    name[strcspn(name, "\n")] = '\0';
    into->direct |= starts_with(name, "/[aio]") || starts_with(name, "anon_inode:[io_uring]");
    last = &into->items[into->count++];
    *last = (struct mapping){start, end, kind_of(permissions, inode, name)};
  }
  free(line);
  fclose(file);
  return 0;
}

/* The mapping that holds the address; NULL when none does. Mappings are sorted by address. */
__attribute__((unused)) static struct mapping *mapping_at(const struct mappings *all, uint64_t address) {
  size_t low = 0, high = all->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (all->items[middle].end <= address) low = middle + 1;
    else high = middle;
  }
  return low < all->count && all->items[low].start <= address ? &all->items[low] : NULL;
}

#endif
