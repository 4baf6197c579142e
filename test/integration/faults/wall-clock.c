/*
 * Preloaded into a candidate: its wall clock is off, its monotonic clock is not. By WALL_CLOCK_OFFSET seconds, and by as many milliseconds as the file
 * WALL_CLOCK_FILE holds (64 bits, little-endian), which may change at any time.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define MS_NS 1000000
#define S_NS 1000000000

static const volatile int64_t *steps;

__attribute__((constructor)) static void map_steps(void) {
  const char *path = getenv("WALL_CLOCK_FILE");
  if (path == NULL) return;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) abort();
  void *mapped = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) abort();
  close(file);
  steps = mapped;
}

static int64_t offset_ms(void) {
  const char *text = getenv("WALL_CLOCK_OFFSET");
  return (text == NULL ? 0 : 1000 * atoll(text)) + (steps == NULL ? 0 : *steps);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int rc = (int)syscall(SYS_clock_gettime, clock, now);
  if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    int64_t ns = (int64_t)now->tv_sec * S_NS + now->tv_nsec + offset_ms() * MS_NS;
    now->tv_sec = ns / S_NS;
    now->tv_nsec = ns % S_NS;
  }
  return rc;
}

int gettimeofday(struct timeval *now, void *zone) {
  struct timespec precise;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &precise) != 0) return -1;
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *result) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (result != NULL) *result = now.tv_sec;
  return now.tv_sec;
}
