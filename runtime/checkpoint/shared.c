/* shared.c: storing and fetching; what nobody names any more is shared_sweep.c. */
#include "shared.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SMALL_BYTES_MAX ((size_t)64 << 20)
#define TABLE_BYTES_MAX ((size_t)2 << 30)

typedef struct stored {
    uint64_t number;
    uint64_t bytes;
    uint32_t crc32c;
    char name[SLU_SHARED_NAME_BYTES_MAX];
} stored;

struct slu_shared_set {
    pthread_mutex_t lock;
    slu_buf files; /* stored */
};

slu_status
slu_shared_set_new(slu_shared_set **out, slu_error *err)
{
    slu_shared_set *set = slu_alloc_zero(1, sizeof *set);
    if (set == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory to remember files");
    (void)pthread_mutex_init(&set->lock, NULL);
    slu_buf_init(&set->files, SLU_SHARED_FILES_MAX * sizeof(stored));
    *out = set;
    return SLU_OK;
}

void
slu_shared_set_free(slu_shared_set **owned)
{
    slu_shared_set *set = slu_take(owned);
    if (set == NULL)
        return;
    (void)pthread_mutex_destroy(&set->lock);
    slu_buf_fini(&set->files);
    slu_free(set);
}

static const stored *
set_find(const slu_buf *files, uint64_t number, uint64_t bytes)
{
    const stored *each = (const stored *)(const void *)files->data;
    for (size_t i = 0; i < files->bytes / sizeof *each; i++)
        if (each[i].number == number && each[i].bytes == bytes)
            return &each[i];
    return NULL;
}

/* ---- Storing */

typedef struct storing {
    const slu_shared_spec *spec;
    slu_shared_set *set;
    const slu_section *state;
    const char *copy;
    slu_snapshot_writer *writer;
    slu_buf found; /* stored: the tables of the copy, so far without names where they are new */
} storing;

/* "000012.sst": its number; else false. */
static bool
table_number(const char *name, uint64_t *number)
{
    char *end = NULL;
    *number = strtoull(name, &end, 10);
    return end != name && strcmp(end, ".sst") == 0;
}

static slu_status
store_small(storing *s, const char *name, const char *path, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf content = {0};
    slu_buf_init(&content, SMALL_BYTES_MAX);
    SLU_TRY(slu_file_read(path, SMALL_BYTES_MAX, &content, err));
    const size_t name_bytes = strlen(name);
    uint8_t *room = slu_snapshot_writer_extend(s->writer, name_bytes + content.bytes);
    if (room != NULL) {
        memcpy(room, name, name_bytes);
        if (content.bytes != 0)
            memcpy(room + name_bytes, content.data, content.bytes);
    }
    return slu_snapshot_writer_close_entry(s->writer, SLU_KEY_GROUP_NONE, (int64_t)name_bytes, err);
}

/* Tables are immutable: a link is as good as a copy. What lies there under the name was stored for a checkpoint that came to nothing. */
static slu_status
store_table(storing *s, const char *path, stored *table, slu_error *err)
{
    char place[SLU_PATH_BYTES_MAX];
    SLU_AUTO(slu_buf_fini) slu_buf content = {0};
    const slu_shared_spec *spec = s->spec;
    const uint64_t state =
        slu_hash64(s->state->name, strlen(s->state->name)) ^ slu_hash64(s->state->operator_id, strlen(s->state->operator_id)) * 31;
    slu_buf_init(&content, TABLE_BYTES_MAX);
    SLU_TRY(slu_file_read(path, TABLE_BYTES_MAX, &content, err));
    table->bytes = content.bytes;
    table->crc32c = slu_crc32c(0, content.data, content.bytes);
    (void)snprintf(table->name, sizeof table->name, "%" PRId64 "-%u-%u-%08x-%06" PRIu64 ".sst", spec->checkpoint, spec->attempt,
                   spec->task, (uint32_t)state, table->number);
    if ((size_t)snprintf(place, sizeof place, "%s/%s/" SLU_SHARED_DIR "/%s", spec->dir, spec->job_id, table->name) >= sizeof place)
        return slu_error_set(err, SLU_LIMIT, "the path %.100s... is too long", spec->dir);
    if (!slu_place_is_local(place))
        return slu_place_write(spec->stores, place, slu_buf_view(&content), err);
    SLU_TRY(slu_place_remove(spec->stores, place, err));
    return slu_place_copy(spec->stores, path, place, NULL, err);
}

static slu_status
store_file(storing *s, const char *name, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    stored table = {0};
    struct stat info;
    SLU_TRY(slu_place_join(path, s->copy, name, err));
    if (!table_number(name, &table.number))
        return store_small(s, name, path, err);
    if (stat(path, &info) != 0)
        return slu_errno_set(err, errno, "stat", path);
    const stored *there = set_find(&s->set->files, table.number, (uint64_t)info.st_size);
    if (there != NULL)
        table = *there;
    else
        SLU_TRY(store_table(s, path, &table, err));
    slu_buf_append(&s->found, &table, sizeof table);
    return slu_buf_status(&s->found, err);
}

static slu_status
store_all(storing *s, slu_error *err)
{
    slu_status status = SLU_OK;
    DIR *dir = opendir(s->copy);
    if (dir == NULL)
        return slu_errno_set(err, errno, "list", s->copy);
    for (const struct dirent *at; status == SLU_OK && (at = readdir(dir)) != NULL;)
        if (at->d_name[0] != '.')
            status = store_file(s, at->d_name, err);
    (void)closedir(dir);
    return status;
}

static slu_status
name_tables(const storing *s, slu_error *err)
{
    const stored *each = (const stored *)(const void *)s->found.data;
    for (size_t i = 0; i < s->found.bytes / sizeof *each; i++) {
        const slu_section section = {.operator_id = s->state->operator_id,
                                     .name = each[i].name,
                                     .kind = SLU_SECTION_SHARED,
                                     .a = (uint32_t)each[i].number,
                                     .b = each[i].crc32c,
                                     .c = (int64_t)each[i].bytes};
        SLU_TRY(slu_snapshot_writer_section(s->writer, &section, err));
    }
    return SLU_OK;
}

static slu_status
store_and_name(storing *s, slu_error *err)
{
    char shared[SLU_PATH_BYTES_MAX];
    slu_section section = *s->state;
    section.kind = SLU_SECTION_FILES;
    (void)snprintf(shared, sizeof shared, "%.3000s/%s/" SLU_SHARED_DIR, s->spec->dir, s->spec->job_id);
    SLU_TRY(slu_place_make_dir(s->spec->stores, shared, err));
    SLU_TRY(slu_snapshot_writer_section(s->writer, &section, err));
    SLU_TRY(store_all(s, err));
    SLU_TRY(slu_place_sync_dir(s->spec->stores, shared, err));
    return name_tables(s, err);
}

slu_status
slu_shared_store(const slu_shared_spec *spec, slu_shared_set *set, const slu_section *state, const char *copy,
                 slu_snapshot_writer *writer, slu_error *err)
{
    storing s = {.spec = spec, .set = set, .state = state, .copy = copy, .writer = writer};
    slu_buf_init(&s.found, SLU_SHARED_FILES_MAX * sizeof(stored));
    (void)pthread_mutex_lock(&set->lock);
    const slu_status status = store_and_name(&s, err);
    if (status == SLU_OK) {
        slu_buf_fini(&set->files);
        set->files = s.found;
    }
    (void)pthread_mutex_unlock(&set->lock);
    if (status != SLU_OK)
        slu_buf_fini(&s.found);
    return slu_error_in(err, status, "state %s", state->name);
}

/* ---- Fetching */

/* A name of the folder, not a way out of it. */
static bool
name_is_plain(const char *name)
{
    return name[0] != 0 && name[0] != '.' && strchr(name, '/') == NULL;
}

static slu_status
fetch_small(const char *to, slu_view entry, int64_t name_bytes, slu_error *err)
{
    char name[128], path[SLU_PATH_BYTES_MAX];
    if (name_bytes <= 0 || name_bytes >= (int64_t)sizeof name || (size_t)name_bytes > entry.bytes)
        return slu_error_set(err, SLU_CORRUPT, "snapshot file: a file whose name is longer than itself");
    memcpy(name, entry.data, (size_t)name_bytes);
    name[name_bytes] = 0;
    if (!name_is_plain(name) || strlen(name) != (size_t)name_bytes)
        return slu_error_set(err, SLU_CORRUPT, "snapshot file: \"%.100s\" is no name of a file", name);
    SLU_TRY(slu_place_join(path, to, name, err));
    return slu_file_write(path, slu_view_of(entry.data + name_bytes, entry.bytes - (size_t)name_bytes), false, err);
}

static slu_status
fetch_table(const slu_stores *stores, const char *shared, const slu_section *section, const char *to, slu_error *err)
{
    char place[SLU_PATH_BYTES_MAX], path[SLU_PATH_BYTES_MAX], name[32];
    SLU_AUTO(slu_buf_fini) slu_buf content = {0};
    if (!name_is_plain(section->name))
        return slu_error_set(err, SLU_CORRUPT, "snapshot file: \"%.100s\" is no name of a file", section->name);
    SLU_TRY(slu_place_join(place, shared, section->name, err));
    (void)snprintf(name, sizeof name, "%06u.sst", section->a);
    SLU_TRY(slu_place_join(path, to, name, err));
    slu_buf_init(&content, TABLE_BYTES_MAX);
    const slu_status status = slu_place_read(stores, place, TABLE_BYTES_MAX, &content, err);
    if (status == SLU_NOTFOUND)
        return slu_error_set(err, SLU_CORRUPT, "%s is missing: the checkpoint is not whole any more", place);
    SLU_TRY(status);
    if ((int64_t)content.bytes != section->c || slu_crc32c(0, content.data, content.bytes) != section->b)
        return slu_error_set(err, SLU_CORRUPT, "%s: %zu bytes, or a checksum, that the checkpoint does not know", place,
                             content.bytes);
    return slu_place_is_local(place) ? slu_place_copy(stores, place, path, NULL, err)
                                     : slu_file_write(path, slu_buf_view(&content), false, err);
}

/* Beside the directory of the checkpoint. */
static slu_status
shared_of(const char *directory, char out[SLU_PATH_BYTES_MAX], slu_error *err)
{
    size_t bytes = strlen(directory);
    while (bytes > 1 && directory[bytes - 1] == '/')
        bytes--;
    while (bytes > 0 && directory[bytes - 1] != '/')
        bytes--;
    return (size_t)snprintf(out, SLU_PATH_BYTES_MAX, "%.*s" SLU_SHARED_DIR, (int)bytes, directory) < SLU_PATH_BYTES_MAX
               ? SLU_OK
               : slu_error_set(err, SLU_LIMIT, "the path %.100s... is too long", directory);
}

slu_status
slu_shared_fetch(const slu_stores *stores, const char *directory, const slu_snapshot_reader *reader, uint32_t index, const char *to,
                 slu_error *err)
{
    char shared[SLU_PATH_BYTES_MAX];
    const slu_section *section = slu_snapshot_section(reader, index);
    SLU_TRY(shared_of(directory, shared, err));
    SLU_TRY(slu_dir_make(to, err));
    for (uint32_t e = 0; e < section->entry_count; e++) {
        uint32_t key_group;
        int64_t tag;
        slu_view bytes;
        SLU_TRY(slu_snapshot_entry(reader, index, e, &key_group, &tag, &bytes, err));
        SLU_TRY(fetch_small(to, bytes, tag, err));
    }
    for (uint32_t i = index + 1; i < slu_snapshot_section_count(reader); i++) {
        const slu_section *table = slu_snapshot_section(reader, i);
        if (table->kind != SLU_SECTION_SHARED)
            break;
        SLU_TRY(fetch_table(stores, shared, table, to, err));
    }
    return SLU_OK;
}

slu_status
slu_shared_remember(slu_shared_set *set, const slu_snapshot_reader *reader, uint32_t index, slu_error *err)
{
    for (uint32_t i = index + 1; i < slu_snapshot_section_count(reader); i++) {
        const slu_section *section = slu_snapshot_section(reader, i);
        if (section->kind != SLU_SECTION_SHARED)
            break;
        stored table = {.number = section->a, .bytes = (uint64_t)section->c, .crc32c = section->b};
        if ((size_t)snprintf(table.name, sizeof table.name, "%s", section->name) >= sizeof table.name)
            return slu_error_set(err, SLU_CORRUPT, "snapshot file: \"%.100s\" is no name of a file", section->name);
        slu_buf_append(&set->files, &table, sizeof table);
    }
    return slu_buf_status(&set->files, err);
}
