/* Memory that processes share: anonymous, and of System V with its semaphores and messages. */
#define _GNU_SOURCE
#include "kinds.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <unistd.h>

#define COUNT 256u
#define EVERY_MS 4

/* ---- anonymous: each of two processes writes half of the pages and reads the other's */

struct half {
  pthread_mutex_t lock;
  uint64_t versions[COUNT];
};

struct shared {
  struct half halves[2];
  _Alignas(PAGE) unsigned char pages[2][COUNT][PAGE];
};

static void locked(struct half *half) {
  int error = pthread_mutex_lock(&half->lock);
  if (error) errno = error, failed("pthread_mutex_lock");
}

/* The writer's own memory of the versions has to agree with the shared one. */
static void write_half(struct shared *shared, int me, uint64_t *versions) {
  struct half *half = &shared->halves[me];
  locked(half);
  for (int i = 0; i < 8; i++) {
    size_t index = random_below(COUNT);
    if (half->versions[index] != versions[index]) wrong("shared anonymous memory: the version of page %zu has changed", index);
    if (!page_is(shared->pages[me][index], me * COUNT + index, versions[index])) wrong("shared anonymous memory: page %zu is lost", index);
    half->versions[index] = ++versions[index];
    fill_page(shared->pages[me][index], me * COUNT + index, versions[index]);
  }
  if (me == 0 && spoiled()) memset(shared->pages[me], 0, sizeof shared->pages[me]);
  pthread_mutex_unlock(&half->lock);
}

static void read_half(struct shared *shared, int other, uint64_t *seen) {
  struct half *half = &shared->halves[other];
  locked(half);
  for (size_t i = random_below(4); i < COUNT; i += 4) {
    if (half->versions[i] < seen[i]) wrong("shared anonymous memory: page %zu has gone back from version %d to %d", i, (int)seen[i], (int)half->versions[i]);
    seen[i] = half->versions[i];
    if (!page_is(shared->pages[other][i], other * COUNT + i, seen[i])) wrong("shared anonymous memory: page %zu of the other process is lost", i);
  }
  pthread_mutex_unlock(&half->lock);
}

static void share(struct shared *shared, int me) {
  static uint64_t versions[COUNT], seen[COUNT];
  for (;;) {
    write_half(shared, me, versions);
    read_half(shared, 1 - me, seen);
    iterated(EVERY_MS);
  }
}

void run_shared_anon(void) {
  struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) failed("mmap");
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  for (int i = 0; i < 2; i++) pthread_mutex_init(&shared->halves[i].lock, &attributes);
  share(shared, fork_checker() == 0);
}

/* ---- System V */

#define KEY 0x4b1d

struct message {
  long type;
  uint64_t number;
  unsigned char page[PAGE];
};

static void change_semaphore(int id, int by) {
  struct sembuf change = {.sem_op = by};
  while (semop(id, &change, 1) < 0)
    if (errno != EINTR) failed("semop");
}

/* Three messages always wait in the queue. */
static void pass_messages(int queue, uint64_t *next) {
  struct message message;
  if (*next >= 3) {
    if (msgrcv(queue, &message, sizeof message - sizeof message.type, 0, IPC_NOWAIT) < 0) failed("msgrcv");
    if (message.number != *next - 3 || !page_is(message.page, message.number, 1)) wrong("message queue: message %llu is not the one expected", (unsigned long long)message.number);
  }
  message.type = 1 + *next % 5;
  message.number = *next;
  fill_page(message.page, message.number, 1);
  if (msgsnd(queue, &message, sizeof message - sizeof message.type, IPC_NOWAIT) < 0) failed("msgsnd");
  ++*next;
}

void run_sysv(void) {
  int segment = shmget(KEY, COUNT * PAGE, IPC_CREAT | 0600), semaphore = semget(KEY, 1, IPC_CREAT | 0600);
  int queue = msgget(KEY, IPC_CREAT | 0600);
  if (segment < 0 || semaphore < 0 || queue < 0) failed("shmget, semget, msgget");
  unsigned char *at = shmat(segment, NULL, 0);
  if (at == (void *)-1) failed("shmat");
  struct pages pages = new_pages(at, COUNT, 6);
  for (size_t i = 0; i < COUNT; i++) write_page(&pages, i);
  uint64_t messages = 0;
  for (int value = 0;;) {
    work_on_pages(&pages, "System V memory");
    /* Found again by its key, it is the same. */
    struct pages again = pages;
    again.at = shmat(shmget(KEY, 0, 0), NULL, SHM_RDONLY);
    if (again.at == (void *)-1) failed("shmat");
    check_page(&again, random_below(COUNT), "System V memory by its key");
    if (shmdt(again.at) < 0) failed("shmdt");
    struct shmid_ds info;
    if (shmctl(segment, IPC_STAT, &info) < 0 || info.shm_nattch != 1) wrong("System V memory: attached %d times, not once", (int)info.shm_nattch);
    if (semctl(semaphore, 0, GETVAL) != value) wrong("System V semaphore: its value is not %d", value);
    int by = value > 20 ? -7 : 1;
    change_semaphore(semaphore, by);
    value += by;
    pass_messages(queue, &messages);
    iterated(EVERY_MS);
  }
}
