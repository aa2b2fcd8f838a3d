#include "snapshot.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/cursor.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "SLUSNAP1"
#define MAGIC_BYTES 8u
#define TRAILER_MAGIC UINT32_C(0x534c5531)
#define TRAILER_BYTES 24u
#define SECTION_BYTES_MIN 32u /* in the index, with empty names */
#define ENTRY_BYTES 32u
#define FILE_BYTES_MIN (MAGIC_BYTES + 4 + TRAILER_BYTES)
#define ARENA_BYTES_MAX ((size_t)64 << 20)
#define INDEX_BYTES_MAX ARENA_BYTES_MAX

/* ---- Writing */

struct slu_snapshot_writer {
    slu_buf file;
    slu_buf index;
    size_t entry_from; /* where the entry under way begins in file */
    size_t count_at;   /* where the entry count of the current section stands in index */
    uint32_t entry_count;
    uint32_t section_count;
    bool finished;
    slu_snapshot_late *late;
};

slu_status
slu_snapshot_writer_new(slu_snapshot_writer **out, slu_error *err)
{
    slu_snapshot_writer *writer = slu_alloc_zero(1, sizeof *writer);
    if (writer == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a snapshot");
    slu_buf_init(&writer->file, SLU_SNAPSHOT_BYTES_MAX);
    slu_buf_init(&writer->index, SLU_SNAPSHOT_BYTES_MAX);
    slu_buf_append(&writer->file, MAGIC, MAGIC_BYTES);
    slu_buf_u32le(&writer->index, 0);
    writer->entry_from = MAGIC_BYTES;
    *out = writer;
    return SLU_OK;
}

static void
late_free(slu_snapshot_writer *writer)
{
    slu_snapshot_late *late = writer->late;
    writer->late = late->next;
    late->free(late);
}

void
slu_snapshot_writer_free(slu_snapshot_writer **owned)
{
    slu_snapshot_writer *writer = slu_take(owned);
    if (writer == NULL)
        return;
    while (writer->late != NULL)
        late_free(writer);
    slu_buf_fini(&writer->file);
    slu_buf_fini(&writer->index);
    slu_free(writer);
}

void
slu_snapshot_writer_add_late(slu_snapshot_writer *writer, slu_snapshot_late *late)
{
    late->next = writer->late;
    writer->late = late;
}

slu_status
slu_snapshot_writer_late(slu_snapshot_writer *writer, slu_error *err)
{
    for (; writer->late != NULL; late_free(writer))
        SLU_TRY(writer->late->write(writer->late, writer, err));
    return SLU_OK;
}

static void
put_text(slu_buf *out, const char *text)
{
    const size_t bytes = text == NULL ? 0 : strlen(text);
    slu_buf_u16le(out, (uint16_t)bytes);
    slu_buf_append(out, text, bytes);
}

static void
close_section(slu_snapshot_writer *writer)
{
    if (writer->section_count > 0 && writer->index.failed == SLU_OK)
        slu_buf_patch_u32le(&writer->index, writer->count_at, writer->entry_count);
    writer->entry_count = 0;
}

slu_status
slu_snapshot_writer_section(slu_snapshot_writer *writer, const slu_section *section, slu_error *err)
{
    if (strlen(section->operator_id) >= SLU_NAME_BYTES_MAX ||
        (section->name != NULL && strlen(section->name) >= SLU_NAME_BYTES_MAX))
        return slu_error_set(err, SLU_LIMIT, "a name of more than %d bytes in a snapshot", SLU_NAME_BYTES_MAX - 1);
    close_section(writer);
    slu_buf *index = &writer->index;
    put_text(index, section->operator_id);
    put_text(index, section->name);
    slu_buf_u32le(index, section->kind);
    slu_buf_u32le(index, section->state_version);
    slu_buf_u32le(index, section->a);
    slu_buf_u32le(index, section->b);
    slu_buf_u64le(index, (uint64_t)section->c);
    writer->count_at = index->bytes;
    slu_buf_u32le(index, 0);
    writer->section_count++;
    return slu_buf_status(index, err);
}

uint8_t *
slu_snapshot_writer_extend(slu_snapshot_writer *writer, size_t bytes)
{
    return slu_buf_extend(&writer->file, bytes);
}

slu_status
slu_snapshot_writer_close_entry(slu_snapshot_writer *writer, uint32_t key_group, int64_t tag, slu_error *err)
{
    SLU_TRY(slu_buf_status(&writer->file, err));
    if (writer->section_count == 0)
        return slu_error_set(err, SLU_INVALID, "an entry before the first section of a snapshot");
    const size_t bytes = writer->file.bytes - writer->entry_from;
    slu_buf *index = &writer->index;
    slu_buf_u32le(index, key_group);
    slu_buf_u64le(index, (uint64_t)tag);
    slu_buf_u64le(index, writer->entry_from);
    slu_buf_u64le(index, bytes);
    slu_buf_u32le(index, slu_crc32c(0, writer->file.data + writer->entry_from, bytes));
    writer->entry_from = writer->file.bytes;
    writer->entry_count++;
    return slu_buf_status(index, err);
}

slu_status
slu_snapshot_writer_entry(slu_snapshot_writer *writer, uint32_t key_group, int64_t tag, const void *data, size_t bytes,
                          slu_error *err)
{
    slu_buf_append(&writer->file, data, bytes);
    return slu_snapshot_writer_close_entry(writer, key_group, tag, err);
}

slu_status
slu_snapshot_writer_finish(slu_snapshot_writer *writer, slu_view *out, slu_error *err)
{
    if (!writer->finished) {
        close_section(writer);
        SLU_TRY(slu_buf_status(&writer->index, err));
        slu_buf_patch_u32le(&writer->index, 0, writer->section_count);
        const uint64_t index_at = writer->file.bytes;
        slu_buf_append(&writer->file, writer->index.data, writer->index.bytes);
        slu_buf_u64le(&writer->file, index_at);
        slu_buf_u64le(&writer->file, writer->index.bytes);
        slu_buf_u32le(&writer->file, slu_crc32c(0, writer->index.data, writer->index.bytes));
        slu_buf_u32le(&writer->file, TRAILER_MAGIC);
        writer->finished = true;
    }
    SLU_TRY(slu_buf_status(&writer->file, err));
    *out = slu_buf_view(&writer->file);
    return SLU_OK;
}

/* ---- Reading */

typedef struct entry {
    uint64_t offset;
    uint64_t bytes;
    int64_t tag;
    uint32_t key_group;
    uint32_t crc32c;
} entry;

typedef struct section {
    slu_section shown;
    entry *entries;
} section;

struct slu_snapshot_reader {
    slu_buf file; /* one of the two; both empty: only the index was read */
    slu_view mapped;
    slu_arena arena;
    uint32_t section_count;
    section *sections;
    size_t index_at;
};

static slu_status
corrupt(slu_error *err, const char *what)
{
    return slu_error_set(err, SLU_CORRUPT, "snapshot file: %s", what);
}

static const char *
read_text(slu_snapshot_reader *reader, slu_cursor *cursor)
{
    const size_t bytes = slu_cursor_u16le(cursor);
    if (bytes >= SLU_NAME_BYTES_MAX)
        slu_cursor_fail(cursor);
    const slu_view text = slu_cursor_view(cursor, bytes);
    return slu_arena_strndup(&reader->arena, (const char *)text.data, text.bytes);
}

static slu_status
read_section(slu_snapshot_reader *reader, slu_cursor *cursor, section *read, slu_error *err)
{
    read->shown.operator_id = read_text(reader, cursor);
    read->shown.name = read_text(reader, cursor);
    read->shown.kind = slu_cursor_u32le(cursor);
    read->shown.state_version = slu_cursor_u32le(cursor);
    read->shown.a = slu_cursor_u32le(cursor);
    read->shown.b = slu_cursor_u32le(cursor);
    read->shown.c = (int64_t)slu_cursor_u64le(cursor);
    const size_t count = slu_cursor_count(cursor, slu_cursor_u32le(cursor), ENTRY_BYTES);
    read->shown.entry_count = (uint32_t)count;
    if (!slu_cursor_ok(cursor))
        return corrupt(err, "its index ends in the middle of a section");
    read->entries = slu_arena_array(&reader->arena, count + 1, sizeof *read->entries);
    if (read->entries == NULL || read->shown.operator_id == NULL || read->shown.name == NULL)
        return slu_arena_status(&reader->arena, err);
    for (size_t i = 0; i < count; i++) {
        entry *e = &read->entries[i];
        e->key_group = slu_cursor_u32le(cursor);
        e->tag = (int64_t)slu_cursor_u64le(cursor);
        e->offset = slu_cursor_u64le(cursor);
        e->bytes = slu_cursor_u64le(cursor);
        e->crc32c = slu_cursor_u32le(cursor);
        if (e->offset < MAGIC_BYTES || e->offset > reader->index_at || e->bytes > reader->index_at - e->offset)
            return corrupt(err, "an entry lies outside of it");
    }
    return SLU_OK;
}

/* Where the index of a file of `bytes` lies, by its last bytes. */
static slu_status
trailer_read(const uint8_t *last, uint64_t bytes, uint64_t *at, uint64_t *index_bytes, uint32_t *crc, slu_error *err)
{
    slu_cursor trailer = slu_cursor_of(last, TRAILER_BYTES);
    *at = slu_cursor_u64le(&trailer);
    *index_bytes = slu_cursor_u64le(&trailer);
    *crc = slu_cursor_u32le(&trailer);
    if (slu_cursor_u32le(&trailer) != TRAILER_MAGIC || *at < MAGIC_BYTES || *at > bytes ||
        *index_bytes != bytes - TRAILER_BYTES - *at)
        return corrupt(err, "it does not end as one");
    return SLU_OK;
}

static slu_status
read_index(slu_snapshot_reader *reader, slu_view index, uint32_t crc, slu_error *err)
{
    if (slu_crc32c(0, index.data, index.bytes) != crc)
        return corrupt(err, "its index fails its checksum");
    slu_cursor cursor = slu_cursor_of_view(index);
    const size_t count = slu_cursor_count(&cursor, slu_cursor_u32le(&cursor), SECTION_BYTES_MIN);
    reader->sections = slu_arena_array(&reader->arena, count + 1, sizeof *reader->sections);
    if (reader->sections == NULL)
        return slu_arena_status(&reader->arena, err);
    for (size_t i = 0; i < count; i++)
        SLU_TRY(read_section(reader, &cursor, &reader->sections[i], err));
    reader->section_count = (uint32_t)count;
    return slu_cursor_ok(&cursor) && slu_cursor_left(&cursor) == 0 ? SLU_OK : corrupt(err, "its index has another length");
}

static slu_status
reader_new(slu_snapshot_reader **out, slu_error *err)
{
    *out = slu_alloc_zero(1, sizeof **out);
    if (*out == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a snapshot");
    slu_arena_init(&(*out)->arena, ARENA_BYTES_MAX);
    return SLU_OK;
}

/* All of it lies in `file`. */
static slu_status
read_whole(slu_snapshot_reader *reader, slu_view file, slu_error *err)
{
    uint64_t at, bytes;
    uint32_t crc;
    if (file.bytes < FILE_BYTES_MIN || memcmp(file.data, MAGIC, MAGIC_BYTES) != 0)
        return corrupt(err, "it does not begin as one");
    SLU_TRY(trailer_read(file.data + file.bytes - TRAILER_BYTES, file.bytes, &at, &bytes, &crc, err));
    reader->index_at = at;
    return read_index(reader, slu_view_of(file.data + at, bytes), crc, err);
}

slu_status
slu_snapshot_reader_new(slu_buf *file, slu_snapshot_reader **out, slu_error *err)
{
    SLU_AUTO(slu_snapshot_reader_free) slu_snapshot_reader *reader = NULL;
    SLU_TRY(reader_new(&reader, err));
    SLU_TRY(read_whole(reader, slu_buf_view(file), err));
    reader->file = *file;
    memset(file, 0, sizeof *file);
    *out = slu_take(&reader);
    return SLU_OK;
}

slu_status
slu_snapshot_reader_mapped(slu_view *mapped, slu_snapshot_reader **out, slu_error *err)
{
    SLU_AUTO(slu_snapshot_reader_free) slu_snapshot_reader *reader = NULL;
    SLU_TRY(reader_new(&reader, err));
    SLU_TRY(read_whole(reader, *mapped, err));
    reader->mapped = *mapped;
    *mapped = slu_view_of(NULL, 0);
    *out = slu_take(&reader);
    return SLU_OK;
}

/* Its last bytes, then the index they point to. */
static slu_status
read_from(slu_snapshot_reader *reader, const slu_stores *stores, const char *path, int64_t file_bytes, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf last = {0};
    SLU_AUTO(slu_buf_fini) slu_buf index = {0};
    uint64_t at, bytes;
    uint32_t crc;
    const uint64_t size = (uint64_t)file_bytes;
    slu_buf_init(&last, TRAILER_BYTES);
    slu_buf_init(&index, INDEX_BYTES_MAX);
    if (size < FILE_BYTES_MIN || size > SLU_SNAPSHOT_BYTES_MAX)
        return corrupt(err, "it has no such size");
    SLU_TRY(slu_place_read_at(stores, path, size - TRAILER_BYTES, TRAILER_BYTES, &last, err));
    SLU_TRY(trailer_read(last.data, size, &at, &bytes, &crc, err));
    reader->index_at = at;
    SLU_TRY(slu_place_read_at(stores, path, at, bytes, &index, err));
    return read_index(reader, slu_buf_view(&index), crc, err);
}

slu_status
slu_snapshot_reader_index(const slu_stores *stores, const char *path, int64_t bytes, slu_snapshot_reader **out, slu_error *err)
{
    SLU_AUTO(slu_snapshot_reader_free) slu_snapshot_reader *reader = NULL;
    SLU_TRY(reader_new(&reader, err));
    const slu_status status = read_from(reader, stores, path, bytes, err);
    if (status != SLU_OK)
        return slu_error_in(err, status, "%s", path);
    *out = slu_take(&reader);
    return SLU_OK;
}

void
slu_snapshot_reader_free(slu_snapshot_reader **owned)
{
    slu_snapshot_reader *reader = slu_take(owned);
    if (reader == NULL)
        return;
    slu_buf_fini(&reader->file);
    slu_file_unmap(&reader->mapped);
    slu_arena_fini(&reader->arena);
    slu_free(reader);
}

uint32_t
slu_snapshot_section_count(const slu_snapshot_reader *reader)
{
    return reader->section_count;
}

const slu_section *
slu_snapshot_section(const slu_snapshot_reader *reader, uint32_t index)
{
    return &reader->sections[index].shown;
}

void
slu_snapshot_entry_size(const slu_snapshot_reader *reader, uint32_t index, uint32_t at, uint32_t *key_group, uint64_t *bytes)
{
    *key_group = reader->sections[index].entries[at].key_group;
    *bytes = reader->sections[index].entries[at].bytes;
}

slu_status
slu_snapshot_entry(const slu_snapshot_reader *reader, uint32_t index, uint32_t at, uint32_t *key_group, int64_t *tag, slu_view *out,
                   slu_error *err)
{
    const entry *e = &reader->sections[index].entries[at];
    const uint8_t *file = reader->mapped.bytes != 0 ? reader->mapped.data : reader->file.data;
    if (file == NULL)
        return slu_error_set(err, SLU_UNSUPPORTED, "only the index of the snapshot file was read");
    const uint8_t *data = file + e->offset;
    if (slu_crc32c(0, data, e->bytes) != e->crc32c)
        return slu_error_set(err, SLU_CORRUPT, "snapshot file: an entry of %s fails its checksum",
                             reader->sections[index].shown.operator_id);
    *key_group = e->key_group;
    *tag = e->tag;
    *out = slu_view_of(data, e->bytes);
    return SLU_OK;
}
