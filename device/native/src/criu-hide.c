/*
 * criu-hide.so: loaded into `criu dump` (LD_PRELOAD), so that a dump costs no more than it has to.
 *
 * Memory (only with DRAYAGE_HIDE=memory): CRIU does not see the pages of private anonymous memory and neither reads nor
 * writes them, so that the cost of a dump does not grow with the memory. These pages travel by memory-source and
 * memory-target; a restore registers their mappings with userfaultfd (`--lazy-pages`) and finds them empty. It filters what
 * CRIU reads of /proc/PID/pagemap: the answers of PAGEMAP_SCAN, or the entries where the kernel has none.
 *
 * Connection tracking: CRIU asks for the flows of the container's network namespace, twice, and the kernel walks the table
 * of the whole machine for each (10 ms at its usual size). Ours is the sandbox's, made anew on the target, where nothing
 * tracks connections: the question is not put.
 *
 * Timers (timerfd): what CRIU would restore wrongly it reads in other words (src/shownTimer.h).
 *
 * Names: of a file whose name is gone, but that has another in the same directory (a named semaphore, for whoever made it),
 * CRIU is told the other (src/livingName.h).
 *
 * Limits: those of another user's process it reads where root may always read them (src/shownLimits.h).
 *
 * All else (mappings, descriptors, registers, other memory) is dumped as ever.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "livingName.h"
#include "mappings.h"
#include "pagemapScan.h"
#include "shownLimits.h"
#include "shownTimer.h"

#define PAGE 4096ull
#define DIRECTORY 32

/* The mappings of the process that was asked for last; its processes are frozen, so they stay true. */
static struct mappings mappings;
static char read_for[DIRECTORY];

/* The directory in /proc whose pagemap the descriptor is; 0 when it is something else. */
static int pagemap_of(int fd, char directory[DIRECTORY]) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 9) return 0;
  path[length] = '\0';
  char *name = path + length - 8;
  if (strcmp(name, "/pagemap") != 0) return 0;
  *name = '\0';
  /* CRIU has a /proc of its own; the process's number is the last part of the path either way. */
  char *number = strrchr(path, '/');
  if (!number || number[1] < '0' || number[1] > '9') return 0;
  snprintf(directory, DIRECTORY, "/proc/%.20s", number + 1);
  return 1;
}

static int know(const char *directory) {
  static int hides = -1;
  if (hides < 0) {
    const char *what = getenv("DRAYAGE_HIDE");
    hides = what && strcmp(what, "memory") == 0;
  }
  if (!hides) return 0;
  if (strcmp(directory, read_for) == 0) return 1;
  if (read_mappings(directory, &mappings) < 0) return 0;
  strcpy(read_for, directory);
  return 1;
}

static int is_lazy(uint64_t address) {
  struct mapping *mapping = mapping_at(&mappings, address);
  return mapping && mapping->kind == MAPPING_LAZY;
}

/*
 * Leaves out the parts of regions that lie in lazy mappings. A region may reach over several mappings, so what is left of
 * it may be several pieces; where these find no room, the walk ends before them and CRIU asks again from there.
 */
static int without_lazy(struct pm_scan_arg_ *scan, int count) {
  struct page_region_ *regions = (struct page_region_ *)(uintptr_t)scan->vec;
  struct page_region_ *found = malloc(count * sizeof *found);
  if (!found) {
    errno = ENOMEM;
    return -1;
  }
  memcpy(found, regions, count * sizeof *found);
  uint64_t kept = 0;
  for (int i = 0; i < count; i++) {
    struct page_region_ rest = found[i];
    while (rest.start < rest.end) {
      struct mapping *mapping = mapping_at(&mappings, rest.start);
      uint64_t end = mapping && mapping->end < rest.end ? mapping->end : rest.end;
      if (!mapping || mapping->kind != MAPPING_LAZY) {
        if (kept == scan->vec_len) {
          scan->walk_end = rest.start;
          free(found);
          return kept;
        }
        regions[kept++] = (struct page_region_){rest.start, end, rest.categories};
      }
      rest.start = end;
    }
  }
  free(found);
  return kept;
}

int ioctl(int fd, unsigned long request, ...) {
  static int (*real)(int, unsigned long, ...);
  if (!real) real = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
  va_list arguments;
  va_start(arguments, request);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  char directory[DIRECTORY];
  if (request != PAGEMAP_SCAN_ || !pagemap_of(fd, directory) || !know(directory))
    return real(fd, request, argument);
  struct pm_scan_arg_ *scan = argument;
  struct mapping *mapping = mapping_at(&mappings, scan->start);
  if ((scan->category_anyof_mask & SCAN_PRESENT) && mapping && mapping->kind == MAPPING_LAZY &&
      mapping->end >= scan->end) {
    scan->walk_end = scan->end;
    return 0;
  }
  int count = real(fd, request, argument);
  return count <= 0 ? count : without_lazy(scan, count);
}

static ssize_t read_filtered(ssize_t bytes, int fd, void *buffer, off_t offset) {
  char directory[DIRECTORY];
  if (bytes < 8 || offset % 8 != 0 || !pagemap_of(fd, directory) || !know(directory)) return bytes;
  uint64_t *entries = buffer;
  for (ssize_t i = 0; i < bytes / 8; i++)
    if (entries[i] != 0 && is_lazy((offset / 8 + i) * PAGE)) entries[i] = 0;
  return bytes;
}

ssize_t pread(int fd, void *buffer, size_t size, off_t offset) {
  static ssize_t (*real)(int, void *, size_t, off_t);
  if (!real) real = (ssize_t(*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread");
  return read_filtered(real(fd, buffer, size, offset), fd, buffer, offset);
}

ssize_t pread64(int fd, void *buffer, size_t size, off64_t offset) {
  static ssize_t (*real)(int, void *, size_t, off64_t);
  if (!real) real = (ssize_t(*)(int, void *, size_t, off64_t))dlsym(RTLD_NEXT, "pread64");
  return read_filtered(real(fd, buffer, size, offset), fd, buffer, offset);
}

/* A dump of the flows: of the subsystem `ctnetlink`, over its own kind of socket. */
static int asks_for_flows(int fd, const struct msghdr *message) {
  int protocol = -1;
  socklen_t size = sizeof protocol;
  if (message->msg_iovlen != 1 || message->msg_iov->iov_len < sizeof(struct nlmsghdr)) return 0;
  const struct nlmsghdr *asked = message->msg_iov->iov_base;
  return (asked->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP && NFNL_SUBSYS_ID(asked->nlmsg_type) == NFNL_SUBSYS_CTNETLINK &&
         getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 && protocol == NETLINK_NETFILTER;
}

/* Instead of the question for flows goes one that the kernel only acknowledges: an answer without any. */
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  static ssize_t (*real)(int, const struct msghdr *, int);
  if (!real) real = (ssize_t(*)(int, const struct msghdr *, int))dlsym(RTLD_NEXT, "sendmsg");
  if (!asks_for_flows(fd, message)) return real(fd, message, flags);
  struct nlmsghdr nothing = *(struct nlmsghdr *)message->msg_iov->iov_base;
  nothing.nlmsg_len = sizeof nothing;
  nothing.nlmsg_type = NLMSG_NOOP;
  nothing.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  struct iovec part = {&nothing, sizeof nothing};
  struct msghdr changed = *message;
  changed.msg_iov = &part;
  ssize_t sent = real(fd, &changed, flags);
  return sent < 0 ? sent : (ssize_t)message->msg_iov->iov_len;
}

/* CRIU reads what the kernel says of a descriptor from `fdinfo`, opened beside a descriptor of a /proc. */
int openat64(int directory, const char *path, int flags, ...) {
  static int (*real)(int, const char *, int, ...);
  if (!real) real = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, "openat64");
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  int fd = real(directory, path, flags, mode);
  return fd >= 0 && strstr(path, "fdinfo/") ? shown_timer(fd) : fd;
}

ssize_t readlink(const char *path, char *target, size_t size) {
  static ssize_t (*real)(const char *, char *, size_t);
  if (!real) real = (ssize_t(*)(const char *, char *, size_t))dlsym(RTLD_NEXT, "readlink");
  ssize_t length = real(path, target, size);
  static const char own[] = "/proc/self/fd/";
  if (length <= 0 || strncmp(path, own, sizeof own - 1) != 0) return length;
  return living_name(atoi(path + sizeof own - 1), target, length, size);
}

/* CRIU asks for limits by the system call's number. */
long syscall(long number, ...) {
  static long (*real)(long, ...);
  if (!real) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  long given[6];
  va_list list;
  va_start(list, number);
  for (int index = 0; index < 6; index++) given[index] = va_arg(list, long);
  va_end(list);
  long result = real(number, given[0], given[1], given[2], given[3], given[4], given[5]);
  if (number != SYS_prlimit64 || result == 0 || errno != EPERM || given[2] || !given[3]) return result;
  if (shown_limits((pid_t)given[0], (int)given[1], (struct rlimit64 *)given[3]) == 0) return 0;
  errno = EPERM;
  return -1;
}
