/* PAGEMAP_SCAN of /proc/PID/pagemap, kernel 6.7 and later (linux/fs.h there; older headers lack it). */
#ifndef PAGEMAP_SCAN_H
#define PAGEMAP_SCAN_H

#include <stdint.h>
#include <sys/ioctl.h>

struct page_region_ {
  uint64_t start, end, categories;
};

struct pm_scan_arg_ {
  uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
  uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define PAGEMAP_SCAN_ _IOWR('f', 16, struct pm_scan_arg_)

/* Categories. PROTECTABLE: the mapping is registered for asynchronous write protection. */
#define SCAN_PROTECTABLE (1u << 0)
#define SCAN_WRITTEN (1u << 1)
#define SCAN_FILE (1u << 2)
#define SCAN_PRESENT (1u << 3)
#define SCAN_SWAPPED (1u << 4)
#define SCAN_PFNZERO (1u << 5)
#define SCAN_SOFT_DIRTY (1u << 7)
#define SCAN_GUARD (1u << 8)

/* A flag: what is found is write-protected in the same step; mappings that are not registered are passed over. */
#define SCAN_PROTECT (1u << 0)

/* Bits of an entry of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst). */
#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_SWAPPED (1ull << 62)
#define PAGEMAP_FILE (1ull << 61)
/* May not be touched (MADV_GUARD_INSTALL): reads as swapped, and has no content. */
#define PAGEMAP_GUARD (1ull << 58)
#define PAGEMAP_SOFT_DIRTY (1ull << 55)

#endif
