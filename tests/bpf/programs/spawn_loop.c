// spawn_loop COUNT PROGRAM: COUNT times fork, exec PROGRAM and wait; prints the nanoseconds taken.
// Also the load of the benches, so it does as little else as can be.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: spawn_loop COUNT PROGRAM\n");
        return 2;
    }
    long count = strtol(argv[1], NULL, 10);
    char *arguments[] = {argv[2], NULL};
    char *environment[] = {NULL};
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long i = 0; i < count; i++) {
        pid_t child = fork();
        if (child < 0) {
            perror("fork");
            return 1;
        }
        if (child == 0) {
            execve(argv[2], arguments, environment);
            _exit(127);
        }
        int status;
        while (waitpid(child, &status, 0) < 0)
            if (errno != EINTR)
                return 1;
        if (status) {
            fprintf(stderr, "child ended with status %#x\n", status);
            return 1;
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%lld\n", (end.tv_sec - start.tv_sec) * 1000000000LL + end.tv_nsec - start.tv_nsec);
    return 0;
}
