// Unusual ways to live and die, one per name: lifecycles WHAT [ARGUMENT ...].
#define _GNU_SOURCE
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char **rest;

static void *exec_in_thread(void *unused)
{
    execv(rest[0], rest);
    perror("execv");
    exit(1);
}

// The leader waits while another thread execs: the exec takes over the leader's pid.
static int thread_exec(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, exec_in_thread, NULL);
    pause();
    return 1;
}

static void *outlive_leader(void *unused)
{
    usleep(200 * 1000);
    exit(7);
}

// The leader ends first; the process ends when its last thread calls exit_group(7).
static int leader_first(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, outlive_leader, NULL);
    syscall(SYS_exit, 3);
    return 1;
}

static void *idle(void *unused)
{
    pause();
    return NULL;
}

// Many threads that are all killed by one exit_group.
static int many_threads(void)
{
    pthread_t thread;
    for (int i = 0; i < 32; i++)
        pthread_create(&thread, NULL, idle, NULL);
    usleep(20 * 1000);
    return 5;
}

static void *end_at_once(void *barrier)
{
    pthread_barrier_wait(barrier);
    syscall(SYS_exit, 0);
    return NULL;
}

// Threads that end at the same instant, each on its own: which one is the last is up to the kernel.
static int threads_at_once(void)
{
    pthread_barrier_t barrier;
    pthread_t threads[8];
    pthread_barrier_init(&barrier, NULL, 9);
    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, end_at_once, &barrier);
    pthread_barrier_wait(&barrier);
    syscall(SYS_exit, 0);
    return 1;
}

// A child of our parent, not of us. Prints its pid.
static int clone_parent(void)
{
    long child = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0) {
        execv(rest[0], rest);
        _exit(1);
    }
    printf("%ld\n", child);
    return child < 0;
}

// The child becomes an orphan, then execs: its parent stays the one that forked it.
static int orphan(void)
{
    pid_t child = fork();
    if (child == 0) {
        while (getppid() != 1 && access(rest[1], F_OK))
            usleep(1000);
        usleep(50 * 1000);
        execl(rest[0], rest[0], "orphan", NULL);
        _exit(1);
    }
    printf("%d\n", child);
    return 0;
}

static int vfork_exec(void)
{
    pid_t child = vfork();
    if (child == 0) {
        execv(rest[0], rest);
        _exit(127);
    }
    printf("%d\n", child);
    fflush(stdout);
    waitpid(child, NULL, 0);
    return 0;
}

// A chain of forks without exec; the last one execs. Prints the pids from first to last.
static int fork_chain(void)
{
    for (int depth = 0; depth < 4; depth++) {
        pid_t child = fork();
        if (child) {
            waitpid(child, NULL, 0);
            _exit(10 + depth);
        }
        printf("%d\n", getpid());
        fflush(stdout);
    }
    execv(rest[0], rest);
    return 1;
}

static int fork_only(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(9);
    printf("%d\n", child);
    fflush(stdout);
    waitpid(child, NULL, 0);
    return 0;
}

// First a failed exec, then an ordinary end.
static int failed_exec(void)
{
    execv("/nonexistent/program", rest);
    return 11;
}

static int by_signal(void)
{
    signal(atoi(rest[0]), SIG_DFL);
    kill(getpid(), atoi(rest[0]));
    pause();
    return 1;
}

static int without_arguments(void)
{
    char *none[] = {NULL};
    execve(rest[0], none, none);
    return 1;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(void);
    } ways[] = {
        {"thread_exec", thread_exec},       {"leader_first", leader_first},
        {"many_threads", many_threads},     {"threads_at_once", threads_at_once},
        {"clone_parent", clone_parent},     {"orphan", orphan},
        {"vfork_exec", vfork_exec},         {"fork_chain", fork_chain},
        {"fork_only", fork_only},           {"failed_exec", failed_exec},
        {"by_signal", by_signal},           {"without_arguments", without_arguments},
    };
    if (argc < 2)
        return 2;
    rest = argv + 2;
    for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        if (!strcmp(argv[1], ways[i].name))
            return ways[i].run();
    return 2;
}
