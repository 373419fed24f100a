/*
 * The tracker `soft-dirty`: the kernel's bits of what was written to since they were cleared (/proc/PID/clear_refs), so that a
 * pass need not look at all memory. They are cleared once, before a process's first pass, and never again: a page written to
 * between a look and a later clearing could not be told from a clean one. A process whose bits could not be cleared is looked
 * at as a whole, and once more in the pass in which they are: what the bits said before is not known.
 */
#ifndef TRACK_H
#define TRACK_H

/* All that was sent of these pages is compared again. */
static void mark_all(struct page_table *pages) {
  for (size_t i = 0; i < pages->size; i++)
    if (pages->buckets[i]) memset(pages->buckets[i]->dirty, 0xff, sizeof pages->buckets[i]->dirty);
}

static void clear_soft_dirty(struct process *process) {
  static struct mappings mappings;
  char path[64];
  if (process->cleared || !stand_still() || read_mappings(process->directory, &mappings) < 0 || mappings.direct) return;
  snprintf(path, sizeof path, "%s/clear_refs", process->directory);
  if (write_word(path, "4") < 0) return;
  process->cleared = 1;
  mark_all(&process->mapped);
  mark_all(&process->cached);
}

/* Before a pass over processes that run. */
static void track_all(void) {
  for (struct process *process = processes; process; process = process->next)
    if (process->alive) clear_soft_dirty(process);
  go_on();
}

#endif
