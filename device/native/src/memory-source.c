/*
 * memory-source: finds what has changed in the memory of a compute's processes and writes it as records (records.h).
 *
 *   memory-source CGROUP_PROCS content|soft-dirty|write-protect [SOCKET]
 *
 * CGROUP_PROCS lists the processes; SOCKET is memory-watch's, for write-protect. Standard output gets the records, or a target over TLS (frameSender.h); standard error
 * gets a JSON object a line. Standard input gives the commands, one a line:
 *   connect HOST PORT TOKEN PEER LIMIT K C A   first, if at all: records go to this target, at most LIMIT bytes a second
 *                     (0: no limit); followed by K + C + A bytes of PEM: private key, certificate, authority
 *   compress LEVEL    answers `tried`: zstd's level for what follows, 0 for none
 *   round THREADS N PACE   one pass over the memory while the processes run; ends with a ROUND record of number N. Of what
 *                     is found at most PACE bytes a second are sent, as they are in memory (0: no limit)
 *   final THREADS     one pass while they are frozen
 *   image PATH        a file of pages that CRIU has written, by reference; may be given while `final` is under way
 *   finish            nothing more comes: writes the FINAL record
 *
 * A page is sent when its hash is not that of what was sent last from its place. What the other two trackers add (track.h):
 * pages that the kernel says were not written to since they were looked at are not looked at again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/select.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "mappings.h"
#include "pageHash.h"
#include "pageTable.h"
#include "pagemapScan.h"
#include "processNumber.h"
#include "records.h"

/* A piece that is read, hashed and written while it is in the processor's cache. */
#define PIECE_PAGES 64u
#define PROGRESS_MS 200
/* Slots are addressed by 32 bits; room for the hashes of all of them is reserved, and taken as they are used. */
#define SLOTS_MAX (1u << 28)
#define THREADS_MAX 16

struct process {
  pid_t pid;
  uint32_t number; /* in its own namespace */
  char directory[32];
  int memory, pagemap, watch; /* descriptors; -1: none. `watch` is the userfaultfd by which its memory is protected */
  int alive, cleared, unwatchable;
  struct page_table mapped; /* what the target maps */
  struct page_table cached; /* other memory: only its content is sent, CRIU's images name it */
  struct process *next;
};

/* A part of one mapping, from one border of blocks to another where the mapping goes that far. One thread looks at all of it. */
struct item {
  struct process *process;
  uint64_t start, end;
  enum mapping_kind kind;
};
#define ITEM_BLOCKS 8u
/* A mapping of any size is cut into no more than about so many. */
#define ITEMS_OF_MAPPING 4096u

static struct hash_key key;
static struct page_hash zero_hash;
static const unsigned char zero_page[PAGE];
static struct process *processes;
static enum { CONTENT, SOFT_DIRTY, WRITE_PROTECT } tracker;
static const char *cgroup_procs;

/* Everything below is changed under this lock only. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct page_hash *hashes; /* by slot */
static uint32_t *references;     /* by slot */
static uint32_t *free_slots, free_count, free_room, slots_used = 1;
static uint32_t *table; /* slots by hash, open addressing */
static uint64_t table_size, table_count;
static uint64_t sum;

static struct item *items;
static size_t item_count, item_room, next_item, items_done;

static struct {
  uint64_t looked, sent, known, zero, dropped;
} counted;

static void fail(const char *code, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  for (char *c = text; *c; c++)
    if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ') *c = '\'';
  dprintf(2, "{\"error\":\"%s\",\"message\":\"%s\"}\n", code, text);
  _exit(1);
}

static void *need(void *memory) {
  if (!memory) fail("noMemory", "out of memory");
  return memory;
}

static double now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static void *reserve(size_t bytes) {
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) fail("noMemory", "mmap: %s", strerror(errno));
  return memory;
}

#include "frameSender.h"
#include "standStill.h"

/* ---- slots by content ---- */

static uint64_t place_of(struct page_hash hash) { return hash.low & (table_size - 1); }

static uint32_t find_content(struct page_hash hash) {
  for (uint64_t at = place_of(hash); table[at]; at = (at + 1) & (table_size - 1))
    if (same_hash(hashes[table[at]], hash)) return table[at];
  return NO_SLOT;
}

static void put_content(uint32_t slot) {
  uint64_t at = place_of(hashes[slot]);
  while (table[at]) at = (at + 1) & (table_size - 1);
  table[at] = slot;
  table_count++;
}

static void grow_table(void) {
  uint32_t *old = table;
  uint64_t old_size = table_size;
  table_size = old_size ? old_size * 2 : 1 << 16;
  table = need(calloc(table_size, sizeof *table));
  table_count = 0;
  for (uint64_t i = 0; i < old_size; i++)
    if (old[i]) put_content(old[i]);
  free(old);
}

/* Takes a slot's content out of the table; entries behind it move up, so that every search still finds its own. */
static void forget_content(uint32_t slot) {
  uint64_t at = place_of(hashes[slot]);
  while (table[at] != slot) at = (at + 1) & (table_size - 1);
  for (uint64_t next = at;;) {
    table[at] = 0;
    for (;;) {
      next = (next + 1) & (table_size - 1);
      if (!table[next]) {
        table_count--;
        return;
      }
      uint64_t wanted = place_of(hashes[table[next]]);
      if (((next - wanted) & (table_size - 1)) >= ((next - at) & (table_size - 1))) break;
    }
    table[at] = table[next];
    at = next;
  }
}

static void release_slot(uint32_t slot) {
  if (slot == NO_SLOT || --references[slot] > 0) return;
  forget_content(slot);
  if (free_count == free_room) {
    free_room = free_room ? free_room * 2 : 1024;
    free_slots = need(realloc(free_slots, free_room * sizeof *free_slots));
  }
  free_slots[free_count++] = slot;
}

/* A slot for new content, held once. */
static uint32_t take_slot(struct page_hash hash) {
  if (free_count == 0 && slots_used == SLOTS_MAX) fail("tooLarge", "more than %u different pages", SLOTS_MAX);
  uint32_t slot = free_count ? free_slots[--free_count] : slots_used++;
  if (table_count * 2 >= table_size) grow_table();
  hashes[slot] = hash;
  references[slot] = 1;
  put_content(slot);
  return slot;
}

/* ---- the stream ---- */

static void write_out(struct iovec *parts, int count) {
  while (count > 0) {
    ssize_t written = writev(1, parts, count);
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno == EPIPE) _exit(0);
      fail("writeFailed", "standard output: %s", strerror(errno));
    }
    for (; count > 0 && (size_t)written >= parts->iov_len; parts++, count--) written -= parts->iov_len;
    if (count > 0) {
      parts->iov_base = (char *)parts->iov_base + written;
      parts->iov_len -= written;
    }
  }
}

static void write_all(struct iovec *parts, int count) {
  if (sender.fd < 0) write_out(parts, count);
  else
    for (int i = 0; i < count; i++) send_bytes(parts[i].iov_base, parts[i].iov_len);
}

static void write_record(struct record record, const void *name, size_t name_bytes, const uint32_t *slots,
                         const void *pages) {
  static const char padding[8];
  size_t slot_bytes = record.kind <= RECORD_IMAGE ? record.count * sizeof *slots : 0;
  struct iovec parts[6] = {
      {&record, sizeof record},
      {(void *)name, name_bytes},
      {(void *)padding, padded(name_bytes) - name_bytes},
      {(void *)slots, slot_bytes},
      {(void *)padding, padded(slot_bytes) - slot_bytes},
      {(void *)pages, record.kind == RECORD_PAGES ? (size_t)record.count * PAGE : 0},
  };
  write_all(parts, 6);
  if (sender.fd < 0) return;
  if (record.kind >= RECORD_IMAGE) send_now(0);
  else if (sender.hurry) send_now(1);
}

/* Of other memory than lazy only the content is sent; CRIU's images name it. */
static int is_cached(const struct item *item) { return item->kind != MAPPING_LAZY; }

/* A run of neighbouring pages that go into one record of one kind. */
struct run {
  uint32_t kind, count;
  uint64_t address;
  const unsigned char *pages;
  uint32_t slots[PIECE_PAGES];
};

static void flush_run(struct run *run, const struct item *item) {
  if (run->count == 0) return;
  uint32_t process = is_cached(item) ? 0 : item->process->number;
  if (run->kind == RECORD_PAGES || process != 0)
    write_record((struct record){run->kind, run->count, process, 0, run->address}, NULL, 0, run->slots, run->pages);
  run->count = 0;
}

static void add_to_run(struct run *run, const struct item *item, uint32_t kind, uint64_t address, uint32_t slot,
                       const unsigned char *page) {
  if (run->count > 0 && (run->kind != kind || run->address + (uint64_t)run->count * PAGE != address)) flush_run(run, item);
  if (run->count == 0) {
    run->kind = kind;
    run->address = address;
    run->pages = page;
  }
  run->slots[run->count++] = slot;
}

/* The page at `address` has this content now: gives it a slot and tells the target. Under the lock. */
static void place_page(struct run *run, const struct item *item, struct block *block, uint64_t address,
                       struct page_hash hash, const unsigned char *page) {
  uint32_t *slot = &block->slots[(address >> 12) % BLOCK_PAGES];
  uint32_t before = *slot, after, kind = RECORD_REFS;
  if (same_hash(hash, zero_hash)) {
    after = NO_SLOT;
    counted.zero++;
  } else if ((after = find_content(hash)) != NO_SLOT) {
    references[after]++;
    counted.known++;
  } else {
    /* Freed first, so that a page that has its slot to itself gets the same one again. */
    release_slot(before);
    before = NO_SLOT;
    after = take_slot(hash);
    kind = RECORD_PAGES;
    counted.sent++;
  }
  release_slot(before);
  if (!is_cached(item)) sum += mix(item->process->number, address, after) - mix(item->process->number, address, *slot);
  *slot = after;
  add_to_run(run, item, kind, address, after, page);
}

/* ---- a pass ---- */

static int unchanged(const struct block *block, uint64_t address, struct page_hash hash) {
  uint32_t slot = block->slots[(address >> 12) % BLOCK_PAGES];
  return slot == NO_SLOT ? same_hash(hash, zero_hash) : same_hash(hashes[slot], hash);
}

/* The bits of the pages [*page, end) that lie in the first of their words; *page moves on to the next word. */
static uint64_t bits_of_word(uint64_t *page, uint64_t end) {
  uint64_t from = *page, to = from / 64 * 64 + 64 < end ? from / 64 * 64 + 64 : end;
  *page = to;
  return (to - from == 64 ? ~0ull : (1ull << (to - from)) - 1) << (from % 64);
}

/* Two mappings may share a block, and two threads look at them: a bit that was lost would drop a page that is there. */
static void mark(uint64_t *bits, uint64_t from, uint64_t to) {
  for (uint64_t page = (from >> 12) % BLOCK_PAGES, end = page + (to - from) / PAGE; page < end;) {
    uint64_t *word = &bits[page / 64];
    __atomic_fetch_or(word, bits_of_word(&page, end), __ATOMIC_RELAXED);
  }
}

static void unmark(uint64_t *bits, uint64_t from, uint64_t to) {
  for (uint64_t page = (from >> 12) % BLOCK_PAGES, end = page + (to - from) / PAGE; page < end;) {
    uint64_t *word = &bits[page / 64];
    __atomic_fetch_and(word, ~bits_of_word(&page, end), __ATOMIC_RELAXED);
  }
}

/* Reads memory of a process; the number of bytes from the start on that could be read. */
static size_t read_memory(const struct process *process, uint64_t address, void *buffer, size_t bytes) {
  struct iovec local = {buffer, bytes}, remote = {(void *)address, bytes};
  ssize_t got = process_vm_readv(process->pid, &local, 1, &remote, 1, 0);
  if (got == (ssize_t)bytes) return bytes;
  /* Memory that the process itself may not read can be read this way. */
  size_t all = got < 0 ? 0 : got & ~(size_t)(PAGE - 1);
  while (all < bytes) {
    ssize_t more = pread(process->memory, (char *)buffer + all, bytes - all, address + all);
    if (more <= 0) break;
    all += more;
  }
  return all & ~(size_t)(PAGE - 1);
}

static struct block *block_of(const struct item *item, uint64_t address) {
  struct page_table *pages = is_cached(item) ? &item->process->cached : &item->process->mapped;
  pthread_mutex_lock(&lock);
  struct block *block = need(block_at(pages, address >> BLOCK_SHIFT, 1));
  pthread_mutex_unlock(&lock);
  return block;
}

/* Who looks at an item. */
struct looker {
  unsigned char *buffer;
  int frozen;
  uint64_t looked;
};

/* Pages of one block that are there. */
static void look_at(struct looker *looker, const struct item *item, struct block *block, uint64_t start, uint64_t end) {
  struct process *process = item->process;
  unsigned char *buffer = looker->buffer;
  looker->looked += (end - start) / PAGE;
  for (uint64_t from = start; from < end;) {
    uint64_t to = from + PIECE_PAGES * PAGE < end ? from + PIECE_PAGES * PAGE : end;
    size_t bytes = read_memory(process, from, buffer, to - from);
    if (bytes == 0) {
      if (looker->frozen) fail("unreadable", "memory of process %d at %lx: %s", process->pid, (long)from, strerror(errno));
      from += PAGE; /* given back meanwhile */
      continue;
    }
    struct page_hash hash[PIECE_PAGES];
    uint32_t changed[PIECE_PAGES], count = 0;
    hash_pages(&key, buffer, bytes / PAGE, hash);
    for (uint32_t i = 0; i < bytes / PAGE; i++) {
      if (!unchanged(block, from + i * PAGE, hash[i])) changed[count++] = i;
    }
    mark(block->seen, from, from + bytes);
    unmark(block->dirty, from, from + bytes);
    if (count > 0) {
      struct run run = {.count = 0};
      pthread_mutex_lock(&lock);
      for (uint32_t i = 0; i < count; i++)
        place_page(&run, item, block, from + changed[i] * PAGE, hash[changed[i]], buffer + changed[i] * PAGE);
      flush_run(&run, item);
      pthread_mutex_unlock(&lock);
    }
    from += bytes;
  }
}

/* Pages of one block that the kernel calls clean: those that were never sent have to be looked at, and what is marked. */
static void look_at_clean(struct looker *looker, const struct item *item, struct block *block, uint64_t start, uint64_t end) {
  uint64_t run = start;
  mark(block->seen, start, end);
  for (uint64_t at = start; at < end; at += PAGE) {
    uint64_t page = (at >> 12) % BLOCK_PAGES;
    if (block->slots[page] == NO_SLOT || (block->dirty[page / 64] >> (page % 64) & 1)) continue;
    if (run < at) look_at(looker, item, block, run, at);
    run = at + PAGE;
  }
  if (run < end) look_at(looker, item, block, run, end);
}

/* A region of pages that are there. */
static void look_at_region(struct looker *looker, const struct item *item, uint64_t start, uint64_t end, int dirty) {
  while (start < end) {
    uint64_t border = ((start >> BLOCK_SHIFT) + 1) << BLOCK_SHIFT;
    uint64_t to = border < end ? border : end;
    struct block *block = block_of(item, start);
    (dirty ? look_at : look_at_clean)(looker, item, block, start, to);
    start = to;
  }
}

/*
 * The processes wait for CRIU as well, which has much to wait for itself: on few processors it comes first, as soon as it has
 * something to do. Slices of 0.1 ms let it in (kernel 6.12 and later; earlier ones take the weight alone).
 */
#define FROZEN_NICE 10
#define FROZEN_SLICE_NS 100000u

static void give_way(void) {
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attributes = {.size = sizeof attributes, .policy = SCHED_OTHER, .nice = FROZEN_NICE, .runtime = FROZEN_SLICE_NS};
  if (syscall(SYS_sched_setattr, 0, &attributes, 0) < 0) setpriority(PRIO_PROCESS, syscall(SYS_gettid), FROZEN_NICE);
}

/*
 * Each thread on a processor of its own, also one that this program is kept from: those of a frozen compute have nothing to
 * do. Left to itself the kernel keeps threads of little weight together for a while.
 */
static void take_processor(int number, int threads) {
  cpu_set_t own;
  CPU_ZERO(&own);
  for (int cpu = number; cpu < CPU_SETSIZE; cpu += threads) CPU_SET(cpu, &own);
  sched_setaffinity(0, sizeof own, &own);
}

static void look_at_item(struct looker *looker, const struct item *item);

struct job {
  pthread_t thread;
  int number, threads, frozen;
};

static void *work(void *given) {
  const struct job *job = given;
  if (job->frozen) {
    give_way();
    take_processor(job->number, job->threads);
  }
  struct looker looker = {.buffer = need(aligned_alloc(PAGE, PIECE_PAGES * PAGE)), .frozen = job->frozen};
  for (;;) {
    size_t mine = __atomic_fetch_add(&next_item, 1, __ATOMIC_RELAXED);
    if (mine >= item_count) break;
    looker.looked = 0;
    look_at_item(&looker, &items[mine]);
    __atomic_fetch_add(&counted.looked, looker.looked, __ATOMIC_RELAXED);
    __atomic_fetch_add(&items_done, 1, __ATOMIC_RELEASE);
  }
  free(looker.buffer);
  return NULL;
}

/* Whether the kernel knows what was written to in this memory; only then its bits are asked. */
static int is_tracked(const struct item *item) {
  if (tracker == SOFT_DIRTY) return item->process->cleared;
  return tracker == WRITE_PROTECT && item->kind == MAPPING_LAZY && item->process->watch >= 0;
}

/* Of what is not protected at all the kernel says nothing. */
static int is_dirty(const struct item *item, uint64_t categories) {
  if (!is_tracked(item)) return 1;
  if (tracker == SOFT_DIRTY) return (categories & SCAN_SOFT_DIRTY) != 0;
  return !(categories & SCAN_PROTECTABLE) || (categories & SCAN_WRITTEN) != 0;
}

/* With PAGEMAP_SCAN: 1 when done, 0 when this kernel has none. */
static int scan_item(struct looker *looker, const struct item *item) {
  struct page_region_ regions[512];
  int shared = item->kind == MAPPING_SHARED;
  /* A kernel before 6.15 does not know this one, and refuses what it does not know. */
  static uint32_t guard = SCAN_GUARD;
  uint32_t without = SCAN_PFNZERO | guard | (shared ? 0 : SCAN_FILE);
  struct pm_scan_arg_ scan = {
      .size = sizeof scan,
      .start = item->start,
      .end = item->end,
      .vec = (uintptr_t)regions,
      .vec_len = 512,
      .category_inverted = without,
      .category_mask = without,
      .category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED,
      .return_mask = SCAN_PRESENT | SCAN_SWAPPED | (!is_tracked(item) ? 0 : tracker == SOFT_DIRTY ? SCAN_SOFT_DIRTY
                                                                          : SCAN_PROTECTABLE | SCAN_WRITTEN),
  };
  while (scan.start < item->end) {
    int count = ioctl(item->process->pagemap, PAGEMAP_SCAN_, &scan);
    if (count < 0 && errno == EINVAL && guard) {
      guard = 0;
      return scan_item(looker, item);
    }
    if (count < 0) return errno == ENOTTY || errno == EINVAL ? 0 : 1;
    for (int i = 0; i < count; i++)
      look_at_region(looker, item, regions[i].start, regions[i].end, is_dirty(item, regions[i].categories));
    if (scan.walk_end <= scan.start) break;
    scan.start = scan.walk_end;
  }
  return 1;
}

static void read_item(struct looker *looker, const struct item *item) {
  uint64_t entries[8192], start = 0, end = 0;
  int dirty = 0;
  for (uint64_t at = item->start; at < item->end;) {
    uint64_t count = (item->end - at) / PAGE < 8192 ? (item->end - at) / PAGE : 8192;
    ssize_t got = pread(item->process->pagemap, entries, count * 8, at / PAGE * 8);
    if (got < 8) break;
    for (ssize_t i = 0; i < got / 8; i++, at += PAGE) {
      int there = (entries[i] & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)) != 0 && !(entries[i] & PAGEMAP_GUARD) &&
                  (item->kind == MAPPING_SHARED || !(entries[i] & PAGEMAP_FILE));
      int written = is_dirty(item, entries[i] & PAGEMAP_SOFT_DIRTY ? SCAN_SOFT_DIRTY : 0);
      if (there && end == at && written == dirty) {
        end += PAGE;
        continue;
      }
      if (start < end) look_at_region(looker, item, start, end, dirty);
      start = at;
      end = there ? at + PAGE : at;
      dirty = written;
    }
  }
  if (start < end) look_at_region(looker, item, start, end, dirty);
}

static void look_at_item(struct looker *looker, const struct item *item) {
  if (!scan_item(looker, item)) read_item(looker, item);
}

static void add_items(struct process *process, const struct mapping *mapping) {
  uint64_t size = mapping->end - mapping->start, step = (uint64_t)ITEM_BLOCKS << BLOCK_SHIFT;
  while (size / step > ITEMS_OF_MAPPING) step *= 2;
  for (uint64_t start = mapping->start; start < mapping->end;) {
    uint64_t border = (start / step + 1) * step;
    uint64_t end = border < mapping->end ? border : mapping->end;
    if (item_count == item_room) {
      item_room = item_room ? item_room * 2 : 4096;
      items = need(realloc(items, item_room * sizeof *items));
    }
    items[item_count++] = (struct item){process, start, end, mapping->kind};
    start = end;
  }
}

static void list_items(struct process *process) {
  static struct mappings mappings;
  if (read_mappings(process->directory, &mappings) < 0) return;
  for (size_t i = 0; i < mappings.count; i++)
    if (mappings.items[i].kind != MAPPING_NONE) add_items(process, &mappings.items[i]);
}

/* Pages that were there and are there no more: the target forgets them. */
static void drop_unseen(struct process *process, struct page_table *pages, int cached) {
  struct item item = {.process = process, .kind = cached ? MAPPING_SHARED : MAPPING_LAZY};
  for (size_t i = 0; i < pages->size; i++) {
    struct block *block = pages->buckets[i];
    if (!block) continue;
    struct run run = {.count = 0};
    for (uint32_t page = 0; page < BLOCK_PAGES; page++) {
      if (block->slots[page] == NO_SLOT || (block->seen[page / 64] >> (page % 64) & 1)) continue;
      uint64_t address = (block->number << BLOCK_SHIFT) + page * PAGE;
      if (!cached) sum -= mix(process->number, address, block->slots[page]);
      release_slot(block->slots[page]);
      block->slots[page] = NO_SLOT;
      counted.dropped++;
      if (run.count == PIECE_PAGES) flush_run(&run, &item);
      add_to_run(&run, &item, RECORD_REFS, address, NO_SLOT, NULL);
    }
    flush_run(&run, &item);
    memset(block->seen, 0, sizeof block->seen);
  }
}

/* Processes that have ended, before any other is looked at: one of the same number may have taken their place. */
static void drop_dead(void) {
  pthread_mutex_lock(&lock);
  for (struct process *process = processes; process; process = process->next) {
    if (process->alive) continue;
    drop_unseen(process, &process->mapped, 0);
    drop_unseen(process, &process->cached, 1);
  }
  pthread_mutex_unlock(&lock);
}

/* ---- processes ---- */

static struct process *know_process(pid_t pid) {
  char directory[32];
  snprintf(directory, sizeof directory, "/proc/%d", pid);
  uint32_t number = number_of(directory);
  if (number == 0) return NULL;
  for (struct process *known = processes; known; known = known->next)
    if (known->pid == pid && known->number == number) return known;
  struct process *process = need(calloc(1, sizeof *process));
  *process = (struct process){.pid = pid, .number = number, .next = processes};
  strcpy(process->directory, directory);
  process->memory = process->pagemap = process->watch = -1;
  processes = process;
  return process;
}

static int open_file(const struct process *process, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "%s/%s", process->directory, name);
  return open(path, O_RDONLY | O_CLOEXEC);
}

/* Anew for every pass: an open file of /proc stays with the memory that a process has left by exec. */
static int open_memory(struct process *process) {
  if (process->memory >= 0) close(process->memory);
  if (process->pagemap >= 0) close(process->pagemap);
  process->memory = open_file(process, "mem");
  process->pagemap = open_file(process, "pagemap");
  return process->memory >= 0 && process->pagemap >= 0;
}

static uint32_t find_processes(void) {
  FILE *list = fopen(cgroup_procs, "re");
  if (!list) fail("noProcesses", "%s: %s", cgroup_procs, strerror(errno));
  for (struct process *process = processes; process; process = process->next) process->alive = 0;
  uint32_t count = 0;
  int pid;
  while (fscanf(list, "%d", &pid) == 1) {
    struct process *process = know_process(pid);
    if (!process || process->alive || !open_memory(process)) continue;
    process->alive = 1;
    count++;
  }
  fclose(list);
  return count;
}

#include "track.h"

/* ---- commands ---- */

/* `left`: pages that have changed meanwhile; -1 where that is not known, or was not asked. */
static void say_progress(const char *name, int64_t left) {
  dprintf(2,
          "{\"%s\":{\"looked\":%lu,\"sent\":%lu,\"known\":%lu,\"zero\":%lu,\"dropped\":%lu,\"slots\":%u,"
          "\"wire\":%lu,\"left\":%ld}}\n",
          name, (long)counted.looked, (long)counted.sent, (long)counted.known, (long)counted.zero, (long)counted.dropped,
          slots_used - 1 - free_count, (long)sender.wire, (long)left);
}

static void send_image(const char *path) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  struct stat facts;
  if (file < 0 || fstat(file, &facts) < 0) fail("imageUnreadable", "%s: %s", path, strerror(errno));
  uint64_t count = facts.st_size / PAGE;
  if (facts.st_size % PAGE != 0 || count > RECORD_IMAGE_MAX) fail("imageUnreadable", "%s has %ld bytes", path, (long)facts.st_size);
  uint32_t *slots = need(calloc(count + 1, sizeof *slots));
  unsigned char *buffer = need(aligned_alloc(PAGE, PIECE_PAGES * PAGE));
  struct item item = {.kind = MAPPING_SHARED};
  struct block *block = need(calloc(1, sizeof *block));
  for (uint64_t at = 0; at < count;) {
    ssize_t bytes = pread(file, buffer, PIECE_PAGES * PAGE, at * PAGE);
    if (bytes < PAGE) fail("imageUnreadable", "%s: %s", path, strerror(errno));
    struct run run = {.count = 0};
    pthread_mutex_lock(&lock);
    for (ssize_t i = 0; i < bytes / PAGE; i++, at++) {
      unsigned char *page = buffer + i * PAGE;
      /* The slot stays held until the end: the block is only where place_page puts it. */
      block->slots[0] = NO_SLOT;
      place_page(&run, &item, block, 0, hash_page(&key, page), page);
      if (run.count > 0 && run.kind == RECORD_PAGES) flush_run(&run, &item);
      run.count = 0;
      slots[at] = block->slots[0];
    }
    pthread_mutex_unlock(&lock);
  }
  const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
  pthread_mutex_lock(&lock);
  write_record((struct record){RECORD_IMAGE, count, 0, strlen(name), 0}, name, strlen(name), slots, NULL);
  pthread_mutex_unlock(&lock);
  free(slots);
  free(buffer);
  free(block);
  close(file);
  dprintf(2, "{\"image\":{\"pages\":%lu}}\n", (long)count);
}

static int commands_left(char *line, size_t size);

/* Whether compressing pays is decided while a pass goes on. CRIU's images are ready before the last one is: they do not wait. */
static void command_in_pass(const char *line, int frozen) {
  if (sscanf(line, "compress %d", &sender.level) == 1) return;
  if (frozen && starts_with(line, "image ")) send_image(line + 6);
  else fail("badCommand", "%s while a pass is under way", line);
}

static uint32_t pass(int frozen, int threads, uint64_t number) {
  memset(&counted, 0, sizeof counted);
  double began = now_ms();
  uint32_t count = find_processes();
  drop_dead();
  if (!frozen) track_all();
  item_count = next_item = items_done = 0;
  for (struct process *process = processes; process; process = process->next)
    if (process->alive) list_items(process);
  struct job jobs[THREADS_MAX];
  for (int i = 0; i < threads; i++) {
    jobs[i] = (struct job){.number = i, .threads = threads, .frozen = frozen};
    if (pthread_create(&jobs[i].thread, NULL, work, &jobs[i]) != 0) fail("noThread", "%s", strerror(errno));
  }
  char line[4200];
  for (double said = began; __atomic_load_n(&items_done, __ATOMIC_ACQUIRE) < item_count;) {
    if (commands_left(line, sizeof line)) command_in_pass(line, frozen);
    else usleep(frozen ? 500 : 2000);
    if (now_ms() - said >= PROGRESS_MS) {
      said = now_ms();
      say_progress("progress", -1);
    }
  }
  for (int i = 0; i < threads; i++) pthread_join(jobs[i].thread, NULL);
  pthread_mutex_lock(&lock);
  for (struct process *process = processes; process; process = process->next) {
    drop_unseen(process, &process->mapped, 0);
    drop_unseen(process, &process->cached, 1);
  }
  if (!frozen) write_record((struct record){RECORD_ROUND, 0, 0, 0, number}, NULL, 0, NULL, NULL);
  pthread_mutex_unlock(&lock);
  /* Later rounds are told by what they find, and time counts in them. */
  say_progress("done", number == 1 ? written_since() : -1);
  return count;
}

static char pending[8400];
static size_t filled;

/* Bytes that follow a command. */
static void read_bytes(unsigned char *into, size_t size) {
  size_t got = filled < size ? filled : size;
  memcpy(into, pending, got);
  filled -= got;
  memmove(pending, pending + got, filled);
  while (got < size) {
    struct pollfd waited = {.fd = 0, .events = POLLIN};
    poll(&waited, 1, -1);
    ssize_t more = read(0, into + got, size - got);
    if (more == 0) _exit(0);
    if (more > 0) got += more;
  }
}

/* A whole line of standard input, if there is one without waiting. */
static int commands_left(char *line, size_t size) {
  char *end = memchr(pending, '\n', filled);
  if (!end) {
    ssize_t got = read(0, pending + filled, sizeof pending - filled);
    if (got == 0) _exit(0);
    if (got > 0) filled += got;
    end = memchr(pending, '\n', filled);
    if (!end) {
      if (filled == sizeof pending) fail("badCommand", "a command is too long");
      return 0;
    }
  }
  size_t length = end - pending;
  if (length >= size) fail("badCommand", "a command is too long");
  memcpy(line, pending, length);
  line[length] = '\0';
  filled -= length + 1;
  memmove(pending, end + 1, filled);
  return 1;
}

static void next_command(char *line, size_t size) {
  while (!commands_left(line, size)) {
    fd_set waited;
    FD_ZERO(&waited);
    FD_SET(0, &waited);
    select(1, &waited, NULL, NULL, NULL);
  }
}

static void connect_to(const char *given) {
  char host[256], port[16], token[256], peer[256];
  struct identity_sizes sizes;
  double limit;
  if (sscanf(given, "%255s %15s %255s %255s %lf %u %u %u", host, port, token, peer, &limit, &sizes.key, &sizes.certificate,
             &sizes.authority) != 8)
    fail("badCommand", "connect HOST PORT TOKEN PEER LIMIT K C A");
  size_t size = (size_t)sizes.key + sizes.certificate + sizes.authority;
  if (size > IDENTITY_MAX) fail("badCommand", "an identity of %zu bytes", size);
  unsigned char *pem = need(malloc(size + 1));
  read_bytes(pem, size);
  start_sender(host, port, token, peer, limit, pem, sizes);
  OPENSSL_cleanse(pem, size);
  free(pem);
}

static int threads_allowed(int threads) {
  if (threads < 1 || threads > THREADS_MAX) fail("badCommand", "1 to %d threads", THREADS_MAX);
  return threads;
}

int main(int count, char **arguments) {
  static const char *const names[] = {"content", "soft-dirty", "write-protect"};
  for (tracker = CONTENT; count > 2 && tracker <= WRITE_PROTECT && strcmp(arguments[2], names[tracker]) != 0;) tracker++;
  if (count != (tracker == WRITE_PROTECT ? 4 : 3) || tracker > WRITE_PROTECT)
    fail("usage", "memory-source CGROUP_PROCS content|soft-dirty|write-protect [SOCKET]");
  cgroup_procs = arguments[1];
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (tracker != CONTENT) find_freezer(cgroup_procs);
  if (tracker == WRITE_PROTECT) ask_for_watches(arguments[3]);
  for (size_t got = 0; got < sizeof key;) {
    ssize_t more = getrandom((char *)&key + got, sizeof key - got, 0);
    if (more > 0) got += more;
  }
  zero_hash = hash_page(&key, zero_page);
  hashes = reserve(SLOTS_MAX * sizeof *hashes);
  references = reserve(SLOTS_MAX * sizeof *references);
  grow_table();
  fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
  fcntl(1, F_SETPIPE_SZ, 1 << 20);
  uint32_t living = 0;
  for (;;) {
    char line[4200];
    unsigned long number;
    double pace;
    int threads;
    next_command(line, sizeof line);
    if (starts_with(line, "connect ")) connect_to(line + 8);
    else if (sscanf(line, "compress %d", &sender.level) == 1) continue;
    else if (sscanf(line, "round %d %lu %lf", &threads, &number, &pace) == 3) {
      sender.pace = pace;
      pass(0, threads_allowed(threads), number);
    }
    else if (sscanf(line, "final %d", &threads) == 1) {
      sender.hurry = 1;
      sender.pace = 0;
      living = pass(1, threads_allowed(threads), 0);
    }
    else if (starts_with(line, "image ")) send_image(line + 6);
    else if (strcmp(line, "finish") == 0)
      write_record((struct record){RECORD_FINAL, living, 0, 0, sum}, NULL, 0, NULL, NULL);
    else fail("badCommand", "%s", line);
  }
}
