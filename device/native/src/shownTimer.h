/*
 * What CRIU reads of a timerfd in /proc/self/fdinfo, in words that it restores to the same timer. It sets a timer by
 * timerfd_settime(2) with the flags, the time left and the interval that it read, and that goes wrong twice:
 *
 * - A periodic timer that has expired and was not read yet has no time left: the kernel starts it again when it is read. A
 *   timer set to no time is disarmed, for ever. It is shown with its interval left: the tick it has stays, and the next comes
 *   no earlier than it would have.
 * - For a time that was given as absolute (TFD_TIMER_ABSTIME) CRIU adds the seconds of the clock to what is left, and forgets
 *   their fraction: it fires up to a second early. It is shown as relative, and fires when what was left has passed. One that
 *   is also to be told of a clock that was set (TFD_TIMER_CANCEL_ON_SET) has to stay absolute.
 */
#ifndef SHOWN_TIMER_H
#define SHOWN_TIMER_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TIMER_TEXT 1024

struct timer_text {
  char *flags, *left, *interval; /* where the values begin, in the kernel's text (fs/timerfd.c, timerfd_show) */
};

static char *value_of(char *text, const char *name) {
  char *line = strstr(text, name);
  return line ? line + strlen(name) : NULL;
}

static int find_timer(char *text, struct timer_text *timer) {
  timer->flags = value_of(text, "settime flags: ");
  timer->left = value_of(text, "it_value: ");
  timer->interval = value_of(text, "it_interval: ");
  return timer->flags && timer->left && timer->interval;
}

/* Writes the text for CRIU; 0 when it is to read the kernel's. */
static size_t show_timer(char *text, char *shown, size_t room) {
  struct timer_text timer;
  static const char none[] = "(0, 0)";
  if (!find_timer(text, &timer)) return 0;
  int absolute = strtoul(timer.flags, NULL, 8) == 1;
  int waits = strncmp(timer.left, none, sizeof none - 1) == 0 && strncmp(timer.interval, none, sizeof none - 1) != 0;
  if (!absolute && !waits) return 0;
  if (absolute) memcpy(timer.flags, "00", 2);
  char *left = waits ? timer.interval : timer.left;
  int length = snprintf(shown, room, "%.*s%.*s%s", (int)(timer.left - text), text, (int)strcspn(left, "\n"), left,
                        timer.left + strcspn(timer.left, "\n"));
  return length < 0 || (size_t)length >= room ? 0 : length;
}

/* The descriptor to read instead of `fdinfo`, which is then closed; `fdinfo` itself, from its beginning, when it is right. */
static int shown_timer(int fdinfo) {
  char text[TIMER_TEXT], shown[TIMER_TEXT];
  ssize_t length = pread(fdinfo, text, sizeof text - 1, 0);
  if (length <= 0) return fdinfo;
  text[length] = '\0';
  size_t size = show_timer(text, shown, sizeof shown);
  if (size == 0) return fdinfo;
  int file = memfd_create("timer", MFD_CLOEXEC);
  if (file < 0) return fdinfo;
  if (pwrite(file, shown, size, 0) != (ssize_t)size) {
    close(file);
    return fdinfo;
  }
  close(fdinfo);
  return file;
}

#endif
