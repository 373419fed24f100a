/*
 * The stream from tree-source to tree-target: what makes one tree of files equal to another. A record, its path (relative to
 * the tree's root, no leading or trailing slash; empty: the root), then what its kind says. Numbers are little-endian; both
 * ends run on processors of one architecture.
 *
 * Directories come before what is in them. The last record is END: a stream without it was cut off.
 */
#ifndef TREE_RECORDS_H
#define TREE_RECORDS_H

#include <stdint.h>

enum tree_kind {
  TREE_REMOVE = 1, /* the path and all below it */
  TREE_DIRECTORY,  /* make it */
  TREE_FILE,       /* opens a file, or makes it when b is 1; a: its size. DATA and HOLE after it are this file's */
  TREE_DATA,       /* a: offset, b: bytes, which follow; no path */
  TREE_HOLE,       /* a: offset, b: bytes that read as zeros; no path */
  TREE_LINK,       /* a hard link; a: bytes of the path of what it is one to, which follow */
  TREE_SYMLINK,    /* a: bytes of its target, which follow */
  TREE_NODE,       /* a fifo or device; a: mode, b: number of the device */
  TREE_ATTRIBUTES, /* a struct tree_attributes follows, then `a` bytes of extended attributes */
  TREE_END,
};

#define TREE_PATH_MAX 4095u
#define TREE_DATA_MAX (256u << 10)
#define TREE_XATTRS_MAX (128u << 10)

struct tree_record {
  uint32_t kind, path_bytes;
  uint64_t a, b;
};

/* Extended attributes: for each a name ended by 0, a uint32_t of its value's bytes, the value. */
struct tree_attributes {
  uint32_t mode, user, group, modified_ns;
  int64_t modified, accessed;
  uint32_t accessed_ns, unused;
};

#endif
