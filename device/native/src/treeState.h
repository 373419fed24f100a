/*
 * What tree-source knows of the target's tree: each name with its inode, times and the hash of each page. Kept in a file from
 * one pass to the next.
 */
#ifndef TREE_STATE_H
#define TREE_STATE_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "pageHash.h"

struct saved_facts {
  uint64_t inode, size, pages;
  /* Nanoseconds; changed is 0 when a later change may bear the same time. */
  int64_t changed, modified;
  uint32_t mode, user, group, path_bytes;
};

struct entry {
  struct saved_facts facts;
  char *path;
  struct page_hash *hashes;
  /* Of a state that was read: it is still there. Of a new one: it is to be made on the target; it went away meanwhile. */
  int found, fresh, gone;
  struct entry *before;
  uint32_t parent, names;
};

struct state {
  struct hash_key key;
  struct entry *entries;
  uint32_t count, room;
  uint32_t *by_path; /* 1 + index; open addressing */
  uint32_t size;
};

static void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static void *need(void *memory) {
  if (!memory) die("out of memory");
  return memory;
}

static uint32_t hash_path(const char *path) {
  uint32_t hash = 2166136261u;
  for (; *path; path++) hash = (hash ^ (unsigned char)*path) * 16777619u;
  return hash;
}

static struct entry *add_entry(struct state *state, const char *path) {
  if (state->count == state->room) {
    state->room = state->room ? state->room * 2 : 256;
    state->entries = need(realloc(state->entries, state->room * sizeof *state->entries));
  }
  struct entry *entry = &state->entries[state->count++];
  *entry = (struct entry){.path = need(strdup(path))};
  entry->facts.path_bytes = strlen(path);
  return entry;
}

static void index_paths(struct state *state) {
  state->size = 64;
  while (state->size < state->count * 2) state->size *= 2;
  state->by_path = need(calloc(state->size, sizeof *state->by_path));
  for (uint32_t i = 0; i < state->count; i++) {
    uint32_t at = hash_path(state->entries[i].path) & (state->size - 1);
    while (state->by_path[at]) at = (at + 1) & (state->size - 1);
    state->by_path[at] = i + 1;
  }
}

static struct entry *find_path(const struct state *state, const char *path) {
  for (uint32_t at = hash_path(path) & (state->size - 1); state->by_path[at]; at = (at + 1) & (state->size - 1)) {
    struct entry *entry = &state->entries[state->by_path[at] - 1];
    if (!strcmp(entry->path, path)) return entry;
  }
  return NULL;
}

static void read_exactly(FILE *file, void *into, size_t bytes) {
  if (bytes > 0 && fread(into, bytes, 1, file) != 1) {
    errno = EIO;
    die("the state of the last pass");
  }
}

/* The state of the pass before; an empty one with a new key when there was none. */
static struct state read_state(const char *path) {
  struct state state = {.count = 0};
  FILE *file = fopen(path, "re");
  if (!file && errno != ENOENT) die(path);
  if (file) {
    uint32_t count;
    char name[4096];
    read_exactly(file, &state.key, sizeof state.key);
    read_exactly(file, &count, sizeof count);
    for (uint32_t i = 0; i < count; i++) {
      struct saved_facts facts;
      read_exactly(file, &facts, sizeof facts);
      if (facts.path_bytes >= sizeof name) die("the state of the last pass");
      read_exactly(file, name, facts.path_bytes);
      name[facts.path_bytes] = 0;
      struct entry *entry = add_entry(&state, name);
      entry->facts = facts;
      entry->hashes = need(malloc((facts.pages + 1) * sizeof *entry->hashes));
      read_exactly(file, entry->hashes, facts.pages * sizeof *entry->hashes);
    }
    fclose(file);
  } else if (getrandom(&state.key, sizeof state.key, 0) != sizeof state.key) {
    die("getrandom");
  }
  index_paths(&state);
  return state;
}

static void write_state(const struct state *state, FILE *file) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < state->count; i++) count += !state->entries[i].gone;
  fwrite(&state->key, sizeof state->key, 1, file);
  fwrite(&count, sizeof count, 1, file);
  for (uint32_t i = 0; i < state->count; i++) {
    const struct entry *entry = &state->entries[i];
    if (entry->gone) continue;
    fwrite(&entry->facts, sizeof entry->facts, 1, file);
    fwrite(entry->path, entry->facts.path_bytes, 1, file);
    fwrite(entry->hashes, sizeof *entry->hashes, entry->facts.pages, file);
  }
  if (ferror(file) || fclose(file)) die("the state for the next pass");
}

#endif
