/*
 * The compute stands still for a few milliseconds at a time, while the kernel is told to mark what is written from then on.
 *
 * Why it has to: a read with O_DIRECT writes into the page by the device, behind the page tables. A page that is protected
 * while such a read is under way would read clean for ever. A process that waits in one cannot be frozen, so once all are
 * frozen there is none.
 *
 * Should this program be killed meanwhile, a guardian lets the compute run on: a process that has nothing else to do than to
 * wait for this one's end. A compute that somebody else has frozen is left so.
 */
#ifndef STAND_STILL_H
#define STAND_STILL_H

/* At most so long at once; then it runs for at least as long. */
#define STILL_MS 4
/* For all to have stopped; one may be in a call that cannot be interrupted. */
#define FREEZE_MS 20

static struct {
  int version; /* of cgroups; 0: there is none, and nothing stands still */
  char state[4224], events[4224];
} freezer;
static double still_since;
/* Shared with the guardian. */
static volatile int *stopped_here;

static int write_word(const char *path, const char *word) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return -1;
  ssize_t written = write(file, word, strlen(word));
  close(file);
  return written < 0 ? -1 : 0;
}

static int file_holds(const char *path, const char *word) {
  char text[128];
  int file = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t got = file < 0 ? -1 : read(file, text, sizeof text - 1);
  if (file >= 0) close(file);
  if (got < 0) return 0;
  text[got] = '\0';
  return strstr(text, word) != NULL;
}

static int is_stopped(void) {
  return freezer.version == 1 ? file_holds(freezer.state, "FROZEN") : file_holds(freezer.events, "frozen 1");
}

static void let_run(void) { write_word(freezer.state, freezer.version == 1 ? "THAWED" : "0"); }

/* Keeps standard error open, so that whoever waits for this program's end waits for the guardian's too. */
static void start_guardian(void) {
  int alive[2];
  stopped_here = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (stopped_here == MAP_FAILED || pipe2(alive, O_CLOEXEC) < 0) fail("noMemory", "%s", strerror(errno));
  pid_t child = fork();
  if (child < 0) fail("noMemory", "no process can be made: %s", strerror(errno));
  if (child > 0) {
    close(alive[0]);
    return;
  }
  close(alive[1]);
  close(0);
  close(1);
  setsid();
  char byte;
  while (read(alive[0], &byte, 1) < 0 && errno == EINTR) continue;
  if (*stopped_here) let_run();
  _exit(0);
}

/* `procs`: the file of the compute's cgroup that lists its processes. */
static void find_freezer(const char *procs) {
  static const char *const names[][2] = {{"freezer.state", "freezer.state"}, {"cgroup.freeze", "cgroup.events"}};
  int length = strrchr(procs, '/') ? strrchr(procs, '/') - procs : 0;
  if (length == 0 || length > 4096) return;
  for (int version = 1; version <= 2; version++) {
    snprintf(freezer.state, sizeof freezer.state, "%.*s/%s", length, procs, names[version - 1][0]);
    snprintf(freezer.events, sizeof freezer.events, "%.*s/%s", length, procs, names[version - 1][1]);
    if (access(freezer.state, W_OK) != 0) continue;
    freezer.version = version;
    start_guardian();
    return;
  }
}

static void go_on(void) {
  if (still_since == 0) return;
  still_since = 0;
  if (!*stopped_here) return;
  let_run();
  *stopped_here = 0;
}

/* Returns 1 when the compute stands still; from then on until STILL_MS have passed, or go_on. 0: it cannot be stopped now. */
static int stand_still(void) {
  if (freezer.version == 0) return 0;
  double now = now_ms();
  if (still_since > 0) {
    if (now - still_since < STILL_MS) return 1;
    int own = *stopped_here;
    go_on();
    if (own) usleep(STILL_MS * 1000);
    now = now_ms();
  }
  if (!is_stopped()) {
    *stopped_here = 1;
    if (write_word(freezer.state, freezer.version == 1 ? "FROZEN" : "1") < 0) {
      *stopped_here = 0;
      return 0;
    }
    while (!is_stopped()) {
      if (now_ms() - now > FREEZE_MS) {
        still_since = now;
        go_on();
        return 0;
      }
      usleep(50);
    }
  }
  still_since = now_ms();
  return 1;
}

#endif
