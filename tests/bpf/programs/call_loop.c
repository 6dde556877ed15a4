// Times one call: `call_loop COUNT [PATH]` prints the nanoseconds that COUNT calls took, of access
// with the path or, without one, of lseek.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    long count = atol(argv[1]);
    int fd = open("/dev/null", O_RDONLY);
    const char *path = argc > 2 ? argv[2] : 0;
    long started = 0;
    // The first calls find nothing in caches, and are not timed.
    for (long call = -100; call < count; call++) {
        if (call == 0)
            started = now_ns();
        if (path)
            syscall(SYS_access, path, F_OK);
        else
            syscall(SYS_lseek, fd, 5, SEEK_SET);
    }
    printf("%ld\n", now_ns() - started);
    return 0;
}
