/*
 * Trackers that ask the kernel what was written to, so that a pass need not look at all memory.
 *
 *   soft-dirty     /proc/PID/clear_refs, once, before the first pass: bits that are set from then on. They are never cleared
 *                  again; what was written to at any time since the first pass is looked at in every pass.
 *   write-protect  asynchronous write protection (kernel 6.7: UFFD_FEATURE_WP_ASYNC and PAGEMAP_SCAN), anew before every pass:
 *                  the kernel protects the pages that were written to and names them in one step. It needs a userfaultfd that
 *                  was made inside the process. CRIU's restore makes one (criu-watch.so), memory-watch keeps it. The kernel
 *                  lets a write through by itself: nobody is waited for, whatever is killed.
 *
 * Pages are told clean by what /proc/PID/pagemap says, and by nothing else. What is not registered there (new mappings,
 * processes that were forked or have called exec since) is looked at as a whole. Memory that is only now registered or
 * cleared counts as written to once: what the bits said before is not known.
 */
#ifndef TRACK_H
#define TRACK_H

#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#define PROTECT_BYTES (32ull << 20)
#define PROTECT_REGIONS 2048

static struct page_region_ regions[PROTECT_REGIONS];

/* Into `regions`: pages of the mapping that were written to since they were last protected. */
static struct pm_scan_arg_ scan_written(const struct mapping *mapping, uint64_t flags) {
  return (struct pm_scan_arg_){
      .size = sizeof(struct pm_scan_arg_),
      .flags = flags,
      .start = mapping->start,
      .end = mapping->end,
      .vec = (uintptr_t)regions,
      .vec_len = PROTECT_REGIONS,
      .category_mask = SCAN_WRITTEN,
      .category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED,
      .return_mask = SCAN_WRITTEN,
  };
}

static struct watched {
  uint32_t number;
  int fd;
} *watched;
static uint32_t watched_count;

/* From memory-watch: for each process its number and a userfaultfd; 0 at the end. The connection stays open. */
static void ask_for_watches(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (strlen(path) >= sizeof address.sun_path) fail("watchLost", "the name %s is too long", path);
  strcpy(address.sun_path, path);
  if (connection < 0 || connect(connection, (struct sockaddr *)&address, sizeof address) < 0)
    fail("watchLost", "%s: %s", path, strerror(errno));
  for (;;) {
    uint32_t number;
    char space[CMSG_SPACE(sizeof(int))];
    struct iovec part = {&number, sizeof number};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    if (recvmsg(connection, &message, MSG_CMSG_CLOEXEC) != sizeof number) fail("watchLost", "%s has ended", path);
    if (number == 0) return;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_type != SCM_RIGHTS) fail("watchLost", "%s sent no userfaultfd", path);
    watched = need(realloc(watched, (watched_count + 1) * sizeof *watched));
    watched[watched_count].number = number;
    memcpy(&watched[watched_count++].fd, CMSG_DATA(header), sizeof(int));
  }
}

static int watch_of(uint32_t number) {
  for (uint32_t i = 0; i < watched_count; i++)
    if (watched[i].number == number) return watched[i].fd;
  return -1;
}

/* These pages are looked at in this pass. Of what was never sent nothing is known, and nothing need be. */
static void mark_dirty(struct process *process, uint64_t start, uint64_t end) {
  while (start < end) {
    uint64_t border = ((start >> BLOCK_SHIFT) + 1) << BLOCK_SHIFT;
    uint64_t to = border < end ? border : end;
    struct block *block = block_at(&process->mapped, start >> BLOCK_SHIFT, 0);
    if (block) mark(block->dirty, start, to);
    start = to;
  }
}

static void mark_blocks(struct page_table *pages, uint64_t start, uint64_t end) {
  for (size_t i = 0; i < pages->size; i++) {
    struct block *block = pages->buckets[i];
    if (!block) continue;
    uint64_t from = block->number << BLOCK_SHIFT, to = from + (1ull << BLOCK_SHIFT);
    if (from < start) from = start;
    if (to > end) to = end;
    if (from < to) mark(block->dirty, from, to);
  }
}

static void clear_soft_dirty(struct process *process) {
  static struct mappings mappings;
  char path[64];
  if (process->cleared || !stand_still() || read_mappings(process->directory, &mappings) < 0 || mappings.direct) return;
  snprintf(path, sizeof path, "%s/clear_refs", process->directory);
  if (write_word(path, "4") < 0) return;
  process->cleared = 1;
  mark_blocks(&process->mapped, 0, UINT64_MAX);
  mark_blocks(&process->cached, 0, UINT64_MAX);
}

/* Whether all of the mapping is registered. */
static int is_protectable(const struct process *process, const struct mapping *mapping) {
  struct page_region_ region;
  struct pm_scan_arg_ scan = {
      .size = sizeof scan,
      .start = mapping->start,
      .end = mapping->end,
      .vec = (uintptr_t)&region,
      .vec_len = 1,
      .max_pages = 1,
      .category_inverted = SCAN_PROTECTABLE,
      .category_mask = SCAN_PROTECTABLE,
      .return_mask = SCAN_PROTECTABLE,
  };
  return ioctl(process->pagemap, PAGEMAP_SCAN_, &scan) == 0;
}

/*
 * Bits that were left from an earlier registration: mremap into a place beside registered memory takes the registration from
 * all that it merges with and leaves the bits (Linux 6.18, mremap_userfaultfd_prep: it resets the merged mapping). Such a page
 * reads protected, and can be written to.
 */
static int clear_bits(const struct process *process, uint64_t start, uint64_t end) {
  struct uffdio_writeprotect none = {.range = {start, end - start}, .mode = 0};
  return ioctl(process->watch, UFFDIO_WRITEPROTECT, &none);
}

/* Not registered any more, as before; of a process of which that cannot be said the kernel is not asked again. */
static void release(struct process *process, uint64_t start, uint64_t end) {
  struct uffdio_range range = {start, end - start};
  if (ioctl(process->watch, UFFDIO_UNREGISTER, &range) == 0) return;
  process->watch = -1;
  process->unwatchable = 1;
}

/*
 * Protects what was written to since it was last protected, and marks it. `fresh`: registered just now. What is registered
 * after this has no bits but its own. Returns 0 when the compute cannot be stopped.
 */
static int protect_mapping(struct process *process, const struct mapping *mapping, int fresh) {
  struct pm_scan_arg_ scan = scan_written(mapping, SCAN_PROTECT);
  while (scan.start < mapping->end) {
    scan.end = scan.start + PROTECT_BYTES < mapping->end ? scan.start + PROTECT_BYTES : mapping->end;
    int still = stand_still();
    int clear = still && (!fresh || clear_bits(process, scan.start, scan.end) == 0);
    int count = clear ? ioctl(process->pagemap, PAGEMAP_SCAN_, &scan) : -1;
    if (count < 0 || scan.walk_end <= scan.start) {
      /* Part of it may have been protected. */
      if (still) mark_blocks(&process->mapped, scan.start, mapping->end);
      if (fresh) release(process, scan.start, mapping->end);
      return still;
    }
    for (int i = 0; i < count; i++) mark_dirty(process, regions[i].start, regions[i].end);
    scan.start = scan.walk_end;
  }
  return 1;
}

static void protect(struct process *process) {
  static struct mappings mappings;
  process->watch = process->unwatchable ? -1 : watch_of(process->number);
  if (process->watch < 0 || !stand_still()) return;
  if (read_mappings(process->directory, &mappings) < 0 || mappings.direct) return;
  for (size_t i = 0; i < mappings.count && process->watch >= 0; i++) {
    const struct mapping *mapping = &mappings.items[i];
    if (mapping->kind != MAPPING_LAZY) continue;
    if (!stand_still()) return;
    int fresh = !is_protectable(process, mapping);
    if (fresh) {
      struct uffdio_register range = {.range = {mapping->start, mapping->end - mapping->start}, .mode = UFFDIO_REGISTER_MODE_WP};
      mark_blocks(&process->mapped, mapping->start, mapping->end);
      if (ioctl(process->watch, UFFDIO_REGISTER, &range) < 0) continue;
    }
    if (!protect_mapping(process, mapping, fresh)) return;
  }
}

/* -1: the kernel cannot say. */
static int64_t count_written(const struct process *process, const struct mapping *mapping) {
  struct pm_scan_arg_ scan = scan_written(mapping, 0);
  int64_t written = 0;
  while (scan.start < mapping->end) {
    int count = ioctl(process->pagemap, PAGEMAP_SCAN_, &scan);
    if (count < 0 || scan.walk_end <= scan.start) return -1;
    for (int i = 0; i < count; i++) written += (regions[i].end - regions[i].start) / PAGE;
    scan.start = scan.walk_end;
  }
  return written;
}

/* Of all memory that is registered. -1 where something is looked at as a whole in every pass. */
static int64_t written_since(void) {
  static struct mappings mappings;
  int64_t written = 0;
  if (tracker != WRITE_PROTECT) return -1;
  for (struct process *process = processes; process; process = process->next) {
    if (!process->alive) continue;
    if (process->watch < 0 || read_mappings(process->directory, &mappings) < 0 || mappings.direct) return -1;
    for (size_t i = 0; i < mappings.count; i++) {
      if (mappings.items[i].kind != MAPPING_LAZY) continue;
      int64_t more = count_written(process, &mappings.items[i]);
      if (more < 0) return -1;
      written += more;
    }
  }
  return written;
}

/* Before a pass over processes that run. */
static void track_all(void) {
  for (struct process *process = processes; process; process = process->next) {
    if (!process->alive) continue;
    if (tracker == SOFT_DIRTY) clear_soft_dirty(process);
    if (tracker == WRITE_PROTECT) protect(process);
  }
  go_on();
}

#endif
