/*
 * memory-watch: keeps what CRIU's restore made for watching a compute's memory (criu-watch.so), until its next move.
 *
 *   memory-watch SOCKET CGROUP NUMBER:FD...
 *
 * memory-target starts it when all pages are filled in. Each FD is a userfaultfd of the process of that NUMBER (in its own
 * namespace). Whoever connects to SOCKET gets all of them, each with its number, and a 0 at the end; when the connection
 * ends, whatever it has registered is released. CGROUP/cgroup.procs lists the processes; it ends with the last of them.
 *
 * As long as nothing is registered a process runs as if there were no userfaultfd; so it does when this program is killed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "mappings.h"
#include "processNumber.h"

#define CLIENTS_MAX 8

struct watched {
  uint32_t number;
  int fd;
  pid_t pid; /* in our own namespace; 0: it has ended */
};
static struct watched *watched;
static int watched_count;

static int listen_at(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || strlen(path) >= sizeof address.sun_path) return -1;
  strcpy(address.sun_path, path);
  unlink(path);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || chmod(path, 0600) < 0 || listen(fd, CLIENTS_MAX) < 0)
    return -1;
  return fd;
}

static int send_watch(int client, uint32_t number, int fd) {
  char space[CMSG_SPACE(sizeof fd)] = {0};
  struct iovec part = {&number, sizeof number};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (number != 0) {
    message.msg_control = space;
    message.msg_controllen = sizeof space;
    *CMSG_FIRSTHDR(&message) =
        (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &fd, sizeof fd);
  }
  return sendmsg(client, &message, MSG_NOSIGNAL) == sizeof number ? 0 : -1;
}

static void give_all(int client) {
  for (int i = 0; i < watched_count; i++)
    if (watched[i].pid != 0 && send_watch(client, watched[i].number, watched[i].fd) < 0) return;
  send_watch(client, 0, -1);
}

/* What is left registered costs a process one fault a page, and no more. */
static void release(const struct watched *one) {
  static struct mappings mappings;
  char directory[32];
  snprintf(directory, sizeof directory, "/proc/%d", one->pid);
  if (one->pid == 0 || read_mappings(directory, &mappings) < 0) return;
  for (size_t i = 0; i < mappings.count; i++) {
    struct uffdio_range range = {mappings.items[i].start, mappings.items[i].end - mappings.items[i].start};
    if (mappings.items[i].kind == MAPPING_LAZY) ioctl(one->fd, UFFDIO_UNREGISTER, &range);
  }
}

static void find_processes(const char *cgroup) {
  char path[4200], directory[32];
  int pid;
  snprintf(path, sizeof path, "%s/cgroup.procs", cgroup);
  FILE *list = fopen(path, "re");
  while (list && fscanf(list, "%d", &pid) == 1) {
    snprintf(directory, sizeof directory, "/proc/%d", pid);
    uint32_t number = number_of(directory);
    for (int i = 0; i < watched_count; i++)
      if (watched[i].number == number && watched[i].pid == 0) watched[i].pid = pid;
  }
  if (list) fclose(list);
}

/* Descriptors that tell of the processes' ends, behind the listener's; how many processes there are. */
static int watch_ends(struct pollfd *waited) {
  int living = 0;
  for (int i = 0; i < watched_count; i++) {
    int end = watched[i].pid == 0 ? -1 : (int)syscall(SYS_pidfd_open, watched[i].pid, 0);
    if (end < 0) watched[i].pid = 0;
    else {
      fcntl(end, F_SETFD, FD_CLOEXEC);
      living++;
    }
    waited[i] = (struct pollfd){.fd = end, .events = POLLIN};
  }
  return living;
}

/* A client asks nothing: its only event is its end. Returns how many are left. */
static int take_clients(struct pollfd *clients, int count) {
  for (int i = count - 1; i >= 0; i--) {
    char byte;
    if (!clients[i].revents || recv(clients[i].fd, &byte, 1, MSG_DONTWAIT) > 0) continue;
    close(clients[i].fd);
    clients[i] = clients[--count];
    for (int one = 0; one < watched_count; one++) release(&watched[one]);
  }
  return count;
}

/* Returns when all processes have ended. */
static void serve(int listener) {
  struct pollfd *waited = calloc(1 + watched_count + CLIENTS_MAX, sizeof *waited), *ends = waited + 1;
  if (!waited) return;
  struct pollfd *clients = ends + watched_count;
  waited[0] = (struct pollfd){.fd = listener, .events = POLLIN};
  int living = watch_ends(ends), count = 0;
  while (living > 0) {
    if (poll(waited, 1 + watched_count + count, -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    for (int i = 0; i < watched_count; i++) {
      if (ends[i].fd < 0 || !ends[i].revents) continue;
      close(ends[i].fd);
      ends[i].fd = -1;
      watched[i].pid = 0;
      living--;
    }
    count = take_clients(clients, count);
    int client = waited[0].revents ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
    if (client < 0) continue;
    if (count == CLIENTS_MAX) close(client);
    else {
      clients[count++] = (struct pollfd){.fd = client, .events = POLLIN};
      give_all(client);
    }
  }
}

/* It may be ended when memory is short: then all memory is compared at the next move. Whoever started it may not. */
static void be_ordinary(void) {
  int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  ssize_t written = write(file, "0", 1);
  (void)written;
  close(file);
}

int main(int count, char **arguments) {
  if (count < 4) {
    fprintf(stderr, "memory-watch SOCKET CGROUP NUMBER:FD...\n");
    return 2;
  }
  watched = calloc(count, sizeof *watched);
  for (int i = 3; watched && i < count; i++, watched_count++) {
    struct watched *one = &watched[watched_count];
    if (sscanf(arguments[i], "%u:%d", &one->number, &one->fd) != 2 || one->number == 0) return 2;
    fcntl(one->fd, F_SETFD, FD_CLOEXEC);
  }
  signal(SIGPIPE, SIG_IGN);
  be_ordinary();
  find_processes(arguments[2]);
  int listener = listen_at(arguments[1]);
  if (!watched || listener < 0) return 1;
  serve(listener);
  unlink(arguments[1]);
  return 0;
}
