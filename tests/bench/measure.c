/*
 * measure.c: runs a command and says what it cost: measure NAME ROWS [--also PID] -- COMMAND ...
 *
 * One line: rows per second, rows per CPU second (user and system of the command and what it started; with --also, of a running process
 * too), peak memory (the largest single process of the command; with --also, that process's own peak beside it).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double
now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* CPU seconds of another process so far. */
static double
cpu_of(int pid)
{
    char path[64];
    char text[1024];
    unsigned long user = 0;
    unsigned long system = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    const size_t got = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file);
    if (file != NULL)
        (void)fclose(file);
    text[got] = 0;
    const char *rest = strrchr(text, ')');
    if (rest == NULL || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        return 0;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static long
peak_kib_of(int pid)
{
    char path[64];
    char line[256];
    long kib = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmHWM: %ld kB", &kib) == 1)
            break;
    if (file != NULL)
        (void)fclose(file);
    return kib;
}

int
main(int count, char **words)
{
    int also = 0;
    int at = 3;
    if (count > 5 && strcmp(words[3], "--also") == 0) {
        also = atoi(words[4]);
        at = 5;
    }
    if (count < at + 2 || strcmp(words[at], "--") != 0) {
        (void)fputs("measure NAME ROWS [--also PID] -- COMMAND ...\n", stderr);
        return 2;
    }
    const double rows = strtod(words[2], NULL);
    const double also_before = also > 0 ? cpu_of(also) : 0;
    const double before = now();
    const pid_t child = fork();
    if (child == 0) {
        (void)execvp(words[at + 1], words + at + 1);
        _exit(127);
    }
    int status = 1;
    (void)waitpid(child, &status, 0);
    const double seconds = now() - before;
    struct rusage usage;
    (void)getrusage(RUSAGE_CHILDREN, &usage);
    const double cpu =
        (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    const double also_cpu = also > 0 ? cpu_of(also) - also_before : 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        (void)printf("%-44s FAILED\n", words[1]);
        return 1;
    }
    (void)printf("%-44s %8.2f M rows/s %8.2f M rows/CPU s %7.1f MiB", words[1], rows / seconds / 1e6, rows / (cpu + also_cpu) / 1e6,
                 (double)usage.ru_maxrss / 1024);
    if (also > 0)
        (void)printf("  (server %.2f of %.2f CPU s, %.1f MiB)", also_cpu, cpu + also_cpu, (double)peak_kib_of(also) / 1024);
    (void)printf("\n");
    return 0;
}
