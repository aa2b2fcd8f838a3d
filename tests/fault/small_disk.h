/* small_disk.h: a directory on a file system of its own, of a few megabytes, that a test can fill. It takes root; where it cannot be
 * mounted the directory is a plain one, and disk_need skips the test. */
#ifndef TESTS_FAULT_SMALL_DISK_H
#define TESTS_FAULT_SMALL_DISK_H

#include "support/check.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

typedef struct small_disk {
    char root[64];
    bool mounted;
} small_disk;

/* `size` as mount says it: "size=8m". */
static inline bool
disk_open(small_disk *disk, const char *size)
{
    (void)snprintf(disk->root, sizeof disk->root, "/tmp/slu_disk_XXXXXX");
    if (mkdtemp(disk->root) == NULL)
        return false;
    disk->mounted = mount("none", disk->root, "tmpfs", 0, size) == 0;
    return true;
}

static inline int
disk_close(small_disk *disk)
{
    if (disk->mounted)
        (void)umount(disk->root);
    return slu_dir_remove(disk->root, NULL);
}

static inline void
disk_need(const small_disk *disk)
{
    if (disk->mounted)
        return;
    print_message("SKIPPED: a small file system cannot be mounted here (it takes root)\n");
    skip();
}

/* Leaves `left` bytes of the disk. */
static inline void
disk_fill(const small_disk *disk, const char *name, size_t left)
{
    char path[120];
    static char zeros[4096];
    (void)snprintf(path, sizeof path, "%s/%s", disk->root, name);
    const int fd = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600);
    assert_true(fd >= 0);
    off_t size = 0;
    while (write(fd, zeros, sizeof zeros) == (ssize_t)sizeof zeros)
        size += (off_t)sizeof zeros;
    if (left != 0)
        assert_int_equal(ftruncate(fd, size > (off_t)left ? size - (off_t)left : 0), 0);
    (void)close(fd);
}

static inline void
disk_unfill(const small_disk *disk, const char *name)
{
    char path[120];
    (void)snprintf(path, sizeof path, "%s/%s", disk->root, name);
    assert_int_equal(unlink(path), 0);
}

#endif
