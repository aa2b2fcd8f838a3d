/*
 * disk.h: files in memory. A file has what its readers see and what a power loss would leave.
 *
 * Shape    names are whole paths; a directory is there when it was made or when a file lies below it. What was synced is durable; names
 *          are as durable as their files.
 * Uses     disk_files.c puts the functions of base/file.h on it (by the linker's --wrap), disk_sqlite.c SQLite's files.
 * Threads  one.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "base/bytes.h"

typedef struct sim_file {
    struct sim_file *next;
    char name[256];
    bool directory;
    uint8_t *data;
    size_t bytes, room;
    uint8_t *kept; /* what is durable; NULL with kept_bytes 0 and !durable: nothing */
    size_t kept_bytes;
    bool durable;
} sim_file;

typedef struct sim_disk sim_disk;

sim_disk *sim_disk_new(void);
void sim_disk_free(sim_disk **disk);
sim_file *sim_disk_find(const sim_disk *disk, const char *name); /* NULL: no such file */
sim_file *sim_disk_make(sim_disk *disk, const char *name, bool directory);
void sim_disk_remove(sim_disk *disk, const char *name); /* and all below it */
/* The n-th name directly below a directory; NULL: there are no more. `out` has room for 256. */
const char *sim_disk_list(const sim_disk *disk, const char *directory, size_t nth, char *out);
size_t sim_disk_count(const sim_disk *disk, const char *below); /* files, not directories */
/* Of what was not synced a part is lost, from some byte on. */
void sim_disk_power_loss(sim_disk *disk, const char *below);

void sim_file_write(sim_file *file, size_t at, const void *data, size_t bytes);
void sim_file_truncate(sim_file *file, size_t bytes);
void sim_file_sync(sim_file *file);

/* Whether this operation is one of those that fail now. */
bool sim_disk_fails(void);

/* Makes the memory disk SQLite's. Once per program. */
void sim_disk_sqlite_register(void);

#endif
