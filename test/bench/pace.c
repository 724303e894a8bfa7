/*
 * pace RATE SECONDS TOKEN: executes /bin/true TOKEN.N RATE times a second, at even distances, and prints the number. Real
 * hosts execute few programs a second, and each wakes the listener up.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

int main(int argc, char **argv) {
  if (argc != 4 || atoi(argv[1]) < 1 || atoi(argv[2]) < 1) {
    fprintf(stderr, "usage: pace RATE SECONDS TOKEN\n");
    return 2;
  }
  const int rate = atoi(argv[1]), count = rate * atoi(argv[2]);
  const long period_ns = 1000000000L / rate;
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (int i = 0; i < count; i++) {
    char name[256];
    snprintf(name, sizeof name, "%s.%d", argv[3], i);
    char *const args[] = {"/bin/true", name, NULL};
    pid_t child;
    if (posix_spawn(&child, args[0], NULL, NULL, args, environ) != 0) return 1;
    waitpid(child, NULL, 0);
    next.tv_nsec += period_ns;
    if (next.tv_nsec >= 1000000000L) {
      next.tv_nsec -= 1000000000L;
      next.tv_sec++;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
  }
  printf("%d\n", count);
  return 0;
}
