/*
 * The tracker `soft-dirty`: the kernel's bits of what was written to since they were cleared (/proc/PID/clear_refs), so that a
 * pass need not look at all memory. They are cleared once, before a process's first pass, and never again: a page written to
 * between a look and a later clearing could not be told from a clean one. A process whose bits could not be cleared is looked
 * at as a whole, and once more in the pass in which they are: what the bits said before is not known.
 */
#ifndef TRACK_H
#define TRACK_H

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

/* Before a pass over processes that run. */
static void track_all(void) {
  for (struct process *process = processes; process; process = process->next)
    if (process->alive) clear_soft_dirty(process);
  go_on();
}

#endif
