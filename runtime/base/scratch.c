#include "scratch.h"

#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LEFT_SECONDS 60 /* so old, and nobody holds its lock */

/* Whoever lives holds a lock on its folder; one so young may not have got to it. */
static bool
scratch_is_left(int folder, const char *name)
{
    struct stat info;
    bool left = false;
    const int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (fstat(fd, &info) == 0 && info.st_uid == getuid() && time(NULL) - info.st_mtime > LEFT_SECONDS)
        left = flock(fd, LOCK_EX | LOCK_NB) == 0;
    close(fd);
    return left;
}

static void
scratch_sweep(const slu_env *env, const char *parent, const char *prefix)
{
    char path[SLU_PATH_BYTES_MAX];
    slu_error err = {0};
    DIR *dir = opendir(parent);
    for (const struct dirent *at = NULL; dir != NULL && (at = readdir(dir)) != NULL;) {
        if (strncmp(at->d_name, prefix, strlen(prefix)) != 0 || !scratch_is_left(dirfd(dir), at->d_name) ||
            (size_t)snprintf(path, sizeof path, "%s/%s", parent, at->d_name) >= sizeof path)
            continue;
        if (slu_dir_remove(path, &err) == SLU_OK && env != NULL)
            slu_log_info(env, "SWEPT", "%s, which a process that was killed left behind", path);
    }
    if (dir != NULL)
        (void)closedir(dir);
}

slu_status
slu_scratch_open(slu_scratch *scratch, const slu_env *env, const char *parent, const char *prefix, slu_error *err)
{
    char of_user[128], path[SLU_PATH_BYTES_MAX];
    const char *temporary = getenv("TMPDIR");
    if (parent == NULL)
        parent = temporary != NULL && temporary[0] != 0 ? temporary : "/tmp";
    (void)snprintf(of_user, sizeof of_user, "%s-%ld-", prefix, (long)getuid());
    scratch_sweep(env, parent, of_user);
    if ((size_t)snprintf(path, sizeof path, "%s/%sXXXXXX", parent, of_user) >= sizeof path)
        return slu_error_set(err, SLU_LIMIT, "the path %.100s... is too long", parent);
    if (mkdtemp(path) == NULL)
        return slu_errno_set(err, errno, "make", path);
    memcpy(scratch->path, path, sizeof path);
    scratch->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (scratch->fd < 0 || flock(scratch->fd, LOCK_SH | LOCK_NB) != 0)
        return slu_errno_set(err, errno, "lock", path);
    return SLU_OK;
}

void
slu_scratch_close(slu_scratch *scratch)
{
    slu_error ignored;
    if (scratch->path[0] == 0)
        return;
    (void)!slu_dir_remove(scratch->path, &ignored); /* else whoever makes the next one sweeps it */
    if (scratch->fd >= 0)
        (void)close(scratch->fd);
    *scratch = (slu_scratch){.fd = -1};
}
