/*
 * Limits of a process (getrlimit(2)), as /proc/PID/limits has them. To read those of a process of another user the kernel
 * asks for CAP_SYS_RESOURCE of a call, which a device's root may lack (a container, a sandbox); the file may be read anyway.
 * It has a line for each limit in the order of their numbers (fs/proc/base.c, proc_pid_limits): name in columns 0 to 25, the
 * soft one from 26, the hard one from 47.
 */
#ifndef SHOWN_LIMITS_H
#define SHOWN_LIMITS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define SOFT_COLUMN 26
#define HARD_COLUMN 47

/* Reads one value; 0 when there is none. */
static int shown_limit(const char *text, rlim64_t *value) {
  if (strncmp(text, "unlimited", 9) == 0) {
    *value = RLIM64_INFINITY;
    return 1;
  }
  char *end;
  *value = strtoull(text, &end, 10);
  return end != text;
}

/* 0, or -1 when the file does not have it. */
static int shown_limits(pid_t pid, int resource, struct rlimit64 *limits) {
  char path[32], line[256];
  snprintf(path, sizeof path, "/proc/%d/limits", pid);
  FILE *file = fopen(path, "re");
  if (!file) return -1;
  int found = -1;
  for (int number = -1; fgets(line, sizeof line, file); number++) {
    if (number != resource) continue;
    if (strlen(line) > HARD_COLUMN && shown_limit(line + SOFT_COLUMN, &limits->rlim_cur) &&
        shown_limit(line + HARD_COLUMN, &limits->rlim_max))
      found = 0;
    break;
  }
  fclose(file);
  return found;
}

#endif
