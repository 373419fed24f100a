/* The number of a process in its innermost namespace, as in CRIU's images; from /proc/PID/status (proc(5)). */
#ifndef PROCESS_NUMBER_H
#define PROCESS_NUMBER_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mappings.h"

/* 0 when it is gone or a zombie, which has no memory. */
static uint32_t number_of(const char *directory) {
  char path[64], line[512];
  snprintf(path, sizeof path, "%s/status", directory);
  FILE *file = fopen(path, "re");
  if (!file) return 0;
  uint32_t number = 0;
  while (fgets(line, sizeof line, file)) {
    if (starts_with(line, "State:") && strchr(line, 'Z')) break;
    if (!starts_with(line, "NSpid:")) continue;
    char *last = strrchr(line, '\t');
    number = last ? strtoul(last + 1, NULL, 10) : 0;
    break;
  }
  fclose(file);
  return number;
}

#endif
