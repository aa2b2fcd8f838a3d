/* disk_sqlite.c: SQLite's files on the memory disk: its writes are effects of the process that acts, and survive it. */
#include "disk.h"
#include "stage.h"

#include <sqlite3.h>

typedef struct vfs_file {
    sqlite3_file base;
    char name[256];
    bool temporary;
} vfs_file;

static sim_file *
file_of(const vfs_file *file)
{
    return sim_disk_find(sim_on->disk, file->name);
}

static int
vfs_close(sqlite3_file *self)
{
    vfs_file *file = (vfs_file *)self;
    if (file->temporary)
        sim_disk_remove(sim_on->disk, file->name);
    return SQLITE_OK;
}

static int
vfs_read(sqlite3_file *self, void *to, int bytes, sqlite3_int64 at)
{
    const sim_file *file = file_of((vfs_file *)self);
    const size_t size = file == NULL ? 0 : file->bytes, from = (size_t)at, wanted = (size_t)bytes;
    const size_t there = from >= size ? 0 : size - from < wanted ? size - from : wanted;
    if (sim_disk_fails())
        return SQLITE_IOERR_READ;
    if (there != 0)
        memcpy(to, file->data + from, there);
    if (there == wanted)
        return SQLITE_OK;
    memset((uint8_t *)to + there, 0, wanted - there);
    return SQLITE_IOERR_SHORT_READ;
}

static int
vfs_write(sqlite3_file *self, const void *data, int bytes, sqlite3_int64 at)
{
    vfs_file *file = (vfs_file *)self;
    if (sim_disk_fails())
        return sim_chance(500000) ? SQLITE_IOERR_WRITE : SQLITE_FULL;
    if (sim_effect(SIM_EFFECT_STORE, (uint64_t)at))
        sim_file_write(sim_disk_make(sim_on->disk, file->name, false), (size_t)at, data, (size_t)bytes);
    return SQLITE_OK;
}

static int
vfs_truncate(sqlite3_file *self, sqlite3_int64 bytes)
{
    sim_file *file = file_of((vfs_file *)self);
    if (file != NULL && sim_effect(SIM_EFFECT_STORE, (uint64_t)bytes))
        sim_file_truncate(file, (size_t)bytes);
    return SQLITE_OK;
}

static int
vfs_sync(sqlite3_file *self, int flags)
{
    sim_file *file = file_of((vfs_file *)self);
    (void)flags;
    if (sim_disk_fails())
        return SQLITE_IOERR_FSYNC;
    if (file != NULL && sim_effect(SIM_EFFECT_STORE, 1))
        sim_file_sync(file);
    return SQLITE_OK;
}

static int
vfs_size(sqlite3_file *self, sqlite3_int64 *out)
{
    const sim_file *file = file_of((vfs_file *)self);
    *out = file == NULL ? 0 : (sqlite3_int64)file->bytes;
    return SQLITE_OK;
}

static int
vfs_lock(sqlite3_file *self, int level)
{
    (void)self;
    (void)level;
    return SQLITE_OK;
}

static int
vfs_reserved(sqlite3_file *self, int *out)
{
    (void)self;
    *out = 0;
    return SQLITE_OK;
}

static int
vfs_control(sqlite3_file *self, int op, void *argument)
{
    (void)self;
    (void)op;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int
vfs_sector(sqlite3_file *self)
{
    (void)self;
    return 4096;
}

static int
vfs_traits(sqlite3_file *self)
{
    (void)self;
    return 0;
}

static const sqlite3_io_methods vfs_methods = {.iVersion = 1,
                                               .xClose = vfs_close,
                                               .xRead = vfs_read,
                                               .xWrite = vfs_write,
                                               .xTruncate = vfs_truncate,
                                               .xSync = vfs_sync,
                                               .xFileSize = vfs_size,
                                               .xLock = vfs_lock,
                                               .xUnlock = vfs_lock,
                                               .xCheckReservedLock = vfs_reserved,
                                               .xFileControl = vfs_control,
                                               .xSectorSize = vfs_sector,
                                               .xDeviceCharacteristics = vfs_traits};

static int
vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *self, int flags, int *out_flags)
{
    static unsigned temporaries;
    vfs_file *file = (vfs_file *)self;
    (void)vfs;
    *file = (vfs_file){.base.pMethods = &vfs_methods, .temporary = name == NULL};
    if (name != NULL)
        (void)snprintf(file->name, sizeof file->name, "%s", name);
    else
        (void)snprintf(file->name, sizeof file->name, "/tmp/%u", ++temporaries);
    if ((flags & SQLITE_OPEN_CREATE) != 0 && sim_effect(SIM_EFFECT_STORE, 2))
        (void)sim_disk_make(sim_on->disk, file->name, false);
    if (out_flags != NULL)
        *out_flags = flags;
    return SQLITE_OK;
}

static int
vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs;
    (void)sync;
    if (sim_effect(SIM_EFFECT_STORE, 3))
        sim_disk_remove(sim_on->disk, name);
    return SQLITE_OK;
}

static int
vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    (void)vfs;
    (void)flags;
    *out = sim_disk_find(sim_on->disk, name) != NULL;
    return SQLITE_OK;
}

static int
vfs_full(sqlite3_vfs *vfs, const char *name, int bytes, char *out)
{
    (void)vfs;
    (void)snprintf(out, (size_t)bytes, "%s", name);
    return SQLITE_OK;
}

static int
vfs_random(sqlite3_vfs *vfs, int bytes, char *out)
{
    (void)vfs;
    memset(out, 7, (size_t)bytes);
    return bytes;
}

static int
vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds;
}

static int
vfs_time(sqlite3_vfs *vfs, double *out)
{
    (void)vfs;
    *out = 2461041.5;
    return SQLITE_OK;
}

void
sim_disk_sqlite_register(void)
{
    static sqlite3_vfs vfs = {.iVersion = 1,
                              .szOsFile = sizeof(vfs_file),
                              .mxPathname = 255,
                              .zName = "sim",
                              .xOpen = vfs_open,
                              .xDelete = vfs_delete,
                              .xAccess = vfs_access,
                              .xFullPathname = vfs_full,
                              .xRandomness = vfs_random,
                              .xSleep = vfs_sleep,
                              .xCurrentTime = vfs_time};
    (void)sqlite3_vfs_register(&vfs, 1);
}
