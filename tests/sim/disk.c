/* disk.c: see disk.h. */
#include "disk.h"

#include "stage.h"

#include "base/alloc.h"

struct sim_disk {
    sim_file *files;
};

sim_disk *
sim_disk_new(void)
{
    return slu_alloc_zero(1, sizeof(sim_disk));
}

static void
file_free(sim_file *file)
{
    slu_free(file->data);
    slu_free(file->kept);
    slu_free(file);
}

void
sim_disk_free(sim_disk **owned)
{
    sim_disk *disk = *owned;
    *owned = NULL;
    while (disk != NULL && disk->files != NULL) {
        sim_file *next = disk->files->next;
        file_free(disk->files);
        disk->files = next;
    }
    slu_free(disk);
}

bool
sim_disk_fails(void)
{
    return sim_on->actor != NULL && sim_chance(sim_on->disk_fault_ppm);
}

sim_file *
sim_disk_find(const sim_disk *disk, const char *name)
{
    sim_file *at = disk->files;
    while (at != NULL && strcmp(at->name, name) != 0)
        at = at->next;
    return at;
}

sim_file *
sim_disk_make(sim_disk *disk, const char *name, bool directory)
{
    sim_file *file = sim_disk_find(disk, name);
    if (file != NULL)
        return file;
    file = slu_alloc_zero(1, sizeof *file);
    (void)snprintf(file->name, sizeof file->name, "%s", name);
    file->directory = directory;
    file->next = disk->files;
    disk->files = file;
    return file;
}

/* What comes after "directory/" in a name; NULL: it lies elsewhere. */
static const char *
below(const char *directory, const char *name)
{
    const size_t bytes = strlen(directory);
    return strncmp(name, directory, bytes) == 0 && name[bytes] == '/' ? name + bytes + 1 : NULL;
}

void
sim_disk_remove(sim_disk *disk, const char *name)
{
    for (sim_file **at = &disk->files; *at != NULL;) {
        sim_file *file = *at;
        if (strcmp(file->name, name) != 0 && below(name, file->name) == NULL) {
            at = &file->next;
            continue;
        }
        *at = file->next;
        file_free(file);
    }
}

const char *
sim_disk_list(const sim_disk *disk, const char *directory, size_t nth, char *out)
{
    for (const sim_file *file = disk->files; file != NULL; file = file->next) {
        const char *rest = below(directory, file->name);
        if (rest == NULL || strchr(rest, '/') != NULL || nth-- != 0)
            continue;
        (void)snprintf(out, 256, "%s", rest);
        return out;
    }
    return NULL;
}

size_t
sim_disk_count(const sim_disk *disk, const char *directory)
{
    size_t count = 0;
    for (const sim_file *file = disk->files; file != NULL; file = file->next)
        count += !file->directory && below(directory, file->name) != NULL;
    return count;
}

static void
file_lose(sim_file *file)
{
    const size_t cut = (size_t)sim_between(0, (int64_t)file->bytes);
    sim_file_truncate(file, cut);
    if (file->durable && file->kept_bytes > cut)
        sim_file_write(file, cut, file->kept + cut, file->kept_bytes - cut);
}

void
sim_disk_power_loss(sim_disk *disk, const char *directory)
{
    for (sim_file *file = disk->files; file != NULL; file = file->next) {
        const bool same = file->durable && file->kept_bytes == file->bytes && memcmp(file->kept, file->data, file->bytes) == 0;
        if (!file->directory && !same && below(directory, file->name) != NULL)
            file_lose(file);
    }
}

void
sim_file_truncate(sim_file *file, size_t bytes)
{
    if (bytes < file->bytes)
        file->bytes = bytes;
}

void
sim_file_write(sim_file *file, size_t at, const void *data, size_t bytes)
{
    const size_t end = at + bytes;
    if (end > file->room) {
        const size_t room = end < 4096 ? 4096 : end * 2;
        file->data = slu_realloc(file->data, room);
        memset(file->data + file->room, 0, room - file->room);
        file->room = room;
    }
    if (at > file->bytes)
        memset(file->data + file->bytes, 0, at - file->bytes);
    if (bytes != 0)
        memcpy(file->data + at, data, bytes);
    file->bytes = end > file->bytes ? end : file->bytes;
}

void
sim_file_sync(sim_file *file)
{
    file->kept = slu_realloc(file->kept, file->bytes + 1);
    if (file->bytes != 0)
        memcpy(file->kept, file->data, file->bytes);
    file->kept_bytes = file->bytes;
    file->durable = true;
}
