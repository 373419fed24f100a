/*
 * criu-watch.so: loaded into `criu restore --lazy-pages` (LD_PRELOAD). When CRIU, from inside a process that it restores,
 * sends that process's userfaultfd to whoever fills it in, a second one goes along in the same message: by it the next move
 * of the compute can have the kernel tell which pages were written to (track.h). Only inside the process can it be made.
 *
 * It asks for asynchronous write protection and for no events, so that no process ever waits for whoever has it. Where the
 * kernel has no such thing, the message goes as it is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Kernel 6.7; older headers lack it. */
#define WP_ASYNC (1ull << 15)

/* The one descriptor that the message carries, if that is a userfaultfd; else -1. */
static int userfaultfd_of(const struct msghdr *message) {
  struct cmsghdr *header = CMSG_FIRSTHDR(message);
  char path[64], target[64];
  int fd;
  if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
      header->cmsg_len != CMSG_LEN(sizeof fd))
    return -1;
  memcpy(&fd, CMSG_DATA(header), sizeof fd);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(path, target, sizeof target - 1);
  if (length < 0) return -1;
  target[length] = '\0';
  return strcmp(target, "anon_inode:[userfaultfd]") == 0 ? fd : -1;
}

static int make_watch(void) {
  struct uffdio_api api = {.api = UFFD_API, .features = WP_ASYNC};
  int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 || ioctl(fd, UFFDIO_API, &api) == 0) return fd;
  close(fd);
  return -1;
}

ssize_t sendmsg(int socket, const struct msghdr *message, int flags) {
  static ssize_t (*real)(int, const struct msghdr *, int);
  if (!real) real = (ssize_t(*)(int, const struct msghdr *, int))dlsym(RTLD_NEXT, "sendmsg");
  int both[2] = {userfaultfd_of(message), -1};
  if (both[0] < 0 || (both[1] = make_watch()) < 0) return real(socket, message, flags);
  char space[CMSG_SPACE(sizeof both)] = {0};
  struct msghdr larger = *message;
  larger.msg_control = space;
  larger.msg_controllen = sizeof space;
  struct cmsghdr *header = CMSG_FIRSTHDR(&larger);
  *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof both), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(header), both, sizeof both);
  ssize_t sent = real(socket, &larger, flags);
  close(both[1]);
  return sent;
}
