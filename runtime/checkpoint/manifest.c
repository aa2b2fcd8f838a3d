/*
 * manifest.c: "SLUMANI1", then a MessagePack array, then a CRC-32C of all before it.
 *
 *   [version, job id, job name, checkpoint, attempt, nonce, wall ms, duration ms, savepoint, final, max parallelism, layout version, files]
 *   file  [task, subtask, parallelism, vertex, path, bytes, crc32c, [operator id ...]]
 */
#include "manifest.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/sizes.h"
#include "checkpoint/shared.h"
#include "control/pack.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define MAGIC "SLUMANI1"
#define MAGIC_BYTES 8u
#define FIELDS 13u
#define FILE_FIELDS 8u

static void
file_encode(const slu_manifest_file *file, slu_buf *out)
{
    slu_pack_array(out, FILE_FIELDS);
    slu_pack_u64(out, file->task);
    slu_pack_u64(out, file->subtask);
    slu_pack_u64(out, file->parallelism);
    slu_pack_cstr(out, file->vertex);
    slu_pack_cstr(out, file->path);
    slu_pack_i64(out, file->bytes);
    slu_pack_u64(out, file->crc32c);
    slu_pack_array(out, file->operator_count);
    for (uint32_t i = 0; i < file->operator_count; i++)
        slu_pack_cstr(out, file->operators[i]);
}

slu_status
slu_manifest_encode(const slu_manifest *manifest, slu_buf *out, slu_error *err)
{
    const size_t start = out->bytes;
    slu_buf_append(out, MAGIC, MAGIC_BYTES);
    slu_pack_array(out, FIELDS);
    slu_pack_u64(out, SLU_MANIFEST_VERSION);
    slu_pack_cstr(out, manifest->job_id);
    slu_pack_cstr(out, manifest->job_name);
    slu_pack_i64(out, manifest->checkpoint);
    slu_pack_u64(out, manifest->attempt);
    slu_pack_u64(out, manifest->attempt_nonce);
    slu_pack_i64(out, manifest->wall_ms);
    slu_pack_i64(out, manifest->duration_ms);
    slu_pack_u64(out, manifest->savepoint);
    slu_pack_u64(out, manifest->final);
    slu_pack_u64(out, manifest->max_parallelism);
    slu_pack_u64(out, manifest->layout_version);
    slu_pack_array(out, manifest->file_count);
    for (uint32_t i = 0; i < manifest->file_count; i++)
        file_encode(&manifest->files[i], out);
    SLU_TRY(slu_buf_status(out, err));
    slu_buf_u32le(out, slu_crc32c(0, out->data + start, out->bytes - start));
    return slu_buf_status(out, err);
}

static uint32_t
unpack_u32(slu_cursor *in)
{
    const uint64_t value = slu_unpack_u64(in);
    if (value > UINT32_MAX)
        slu_cursor_fail(in);
    return (uint32_t)value;
}

static const char *
unpack_name(slu_manifest *manifest, slu_cursor *in)
{
    const slu_view text = slu_unpack_text(in);
    if (text.bytes >= SLU_PATH_BYTES_MAX || memchr(text.data == NULL ? (const uint8_t *)"" : text.data, 0, text.bytes) != NULL)
        slu_cursor_fail(in);
    const char *copy = slu_arena_strndup(&manifest->arena, (const char *)text.data, slu_cursor_ok(in) ? text.bytes : 0);
    return copy == NULL ? "" : copy;
}

/* A path of the manifest's own directory: a name, not a way out. */
static bool
path_is_plain(const char *path)
{
    return path[0] != 0 && strchr(path, '/') == NULL && strcmp(path, "..") != 0 && strcmp(path, ".") != 0;
}

static slu_status
file_decode(slu_manifest *manifest, slu_cursor *in, slu_manifest_file *file, slu_error *err)
{
    if (slu_unpack_array(in) < FILE_FIELDS)
        return slu_error_set(err, SLU_CORRUPT, "manifest: a file of too few fields");
    file->task = unpack_u32(in);
    file->subtask = unpack_u32(in);
    file->parallelism = unpack_u32(in);
    file->vertex = unpack_name(manifest, in);
    file->path = unpack_name(manifest, in);
    file->bytes = slu_unpack_i64(in);
    file->crc32c = unpack_u32(in);
    file->operator_count = slu_unpack_array(in);
    if (!slu_cursor_ok(in) || file->bytes < 0 || !path_is_plain(file->path) || file->operator_count > SLU_OPERATORS_MAX)
        return slu_error_set(err, SLU_CORRUPT, "manifest: a file's entry cannot be true");
    const char **operators = slu_arena_array(&manifest->arena, file->operator_count + 1u, sizeof *operators);
    if (operators == NULL)
        return slu_arena_status(&manifest->arena, err);
    for (uint32_t i = 0; i < file->operator_count; i++)
        operators[i] = unpack_name(manifest, in);
    file->operators = operators;
    return SLU_OK;
}

static slu_status
files_decode(slu_manifest *manifest, slu_cursor *in, slu_error *err)
{
    manifest->file_count = slu_unpack_array(in);
    if (!slu_cursor_ok(in) || manifest->file_count > SLU_TASKS_MAX)
        return slu_error_set(err, SLU_CORRUPT, "manifest: %u files", manifest->file_count);
    manifest->files = slu_arena_array(&manifest->arena, manifest->file_count + 1u, sizeof *manifest->files);
    if (manifest->files == NULL)
        return slu_arena_status(&manifest->arena, err);
    for (uint32_t i = 0; i < manifest->file_count; i++)
        SLU_TRY(file_decode(manifest, in, &manifest->files[i], err));
    return SLU_OK;
}

static slu_status
body_decode(slu_manifest *manifest, slu_cursor *in, slu_error *err)
{
    const uint32_t fields = slu_unpack_array(in);
    manifest->version = unpack_u32(in);
    if (slu_cursor_ok(in) && manifest->version > SLU_MANIFEST_VERSION)
        return slu_error_set(err, SLU_UNSUPPORTED, "manifest of format %u; this build reads up to %u", manifest->version,
                             SLU_MANIFEST_VERSION);
    if (fields < FIELDS)
        return slu_error_set(err, SLU_CORRUPT, "manifest of %u fields", fields);
    manifest->job_id = unpack_name(manifest, in);
    manifest->job_name = unpack_name(manifest, in);
    manifest->checkpoint = slu_unpack_i64(in);
    manifest->attempt = unpack_u32(in);
    manifest->attempt_nonce = slu_unpack_u64(in);
    manifest->wall_ms = slu_unpack_i64(in);
    manifest->duration_ms = slu_unpack_i64(in);
    manifest->savepoint = unpack_u32(in);
    manifest->final = unpack_u32(in);
    manifest->max_parallelism = unpack_u32(in);
    manifest->layout_version = unpack_u32(in);
    SLU_TRY(files_decode(manifest, in, err));
    if (!slu_cursor_ok(in))
        return slu_error_set(err, SLU_CORRUPT, "manifest: it ends in the middle, or a field has another type");
    return slu_arena_status(&manifest->arena, err);
}

slu_status
slu_manifest_decode(slu_view bytes, slu_manifest **out, slu_error *err)
{
    if (bytes.bytes > SLU_MANIFEST_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "a manifest of %zu bytes", bytes.bytes);
    if (bytes.bytes < MAGIC_BYTES + 5 || memcmp(bytes.data, MAGIC, MAGIC_BYTES) != 0)
        return slu_error_set(err, SLU_CORRUPT, "not a manifest");
    const size_t body = bytes.bytes - 4;
    slu_cursor trailer = slu_cursor_of(bytes.data + body, 4);
    if (slu_cursor_u32le(&trailer) != slu_crc32c(0, bytes.data, body))
        return slu_error_set(err, SLU_CORRUPT, "manifest: it fails its checksum");
    SLU_AUTO(slu_manifest_free) slu_manifest *manifest = slu_alloc_zero(1, sizeof *manifest);
    if (manifest == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a manifest");
    slu_arena_init(&manifest->arena, 4 * SLU_MANIFEST_BYTES_MAX);
    const slu_view packed = slu_view_of(bytes.data + MAGIC_BYTES, body - MAGIC_BYTES);
    SLU_TRY(slu_unpack_scan(packed, SLU_MANIFEST_BYTES_MAX, 8, err));
    slu_cursor in = slu_cursor_of_view(packed);
    SLU_TRY(body_decode(manifest, &in, err));
    *out = slu_take(&manifest);
    return SLU_OK;
}

void
slu_manifest_free(slu_manifest **owned)
{
    slu_manifest *manifest = slu_take(owned);
    if (manifest == NULL)
        return;
    slu_arena_fini(&manifest->arena);
    slu_free(manifest);
}

/* ---- Directories */

void
slu_checkpoint_path(slu_buf *out, const char *dir, const char *job_id, int64_t checkpoint)
{
    slu_buf_printf(out, "%s/%s/chk-%" PRId64, dir, job_id, checkpoint);
}

slu_status
slu_manifest_put(const slu_stores *stores, slu_view encoded, int64_t checkpoint, const char *directory, bool sync, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", directory, SLU_MANIFEST_NAME);
    return slu_error_in(err, slu_place_create(stores, path, encoded, sync, err), "manifest of checkpoint %" PRId64, checkpoint);
}

slu_status
slu_manifest_create(const slu_stores *stores, const slu_manifest *manifest, const char *directory, bool sync, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf bytes = {0};
    slu_buf_init(&bytes, SLU_MANIFEST_BYTES_MAX);
    SLU_TRY(slu_manifest_encode(manifest, &bytes, err));
    return slu_manifest_put(stores, slu_buf_view(&bytes), manifest->checkpoint, directory, sync, err);
}

slu_status
slu_manifest_load(const slu_stores *stores, const char *directory, slu_manifest **out, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf bytes = {0};
    char path[SLU_PATH_BYTES_MAX];
    slu_manifest *manifest = NULL;
    slu_buf_init(&bytes, SLU_MANIFEST_BYTES_MAX);
    SLU_TRY(slu_place_of(directory, &directory, err));
    (void)snprintf(path, sizeof path, "%s/%s", directory, SLU_MANIFEST_NAME);
    const slu_status status = slu_place_read(stores, path, SLU_MANIFEST_BYTES_MAX, &bytes, err);
    if (status == SLU_NOTFOUND)
        return slu_error_set(err, status, "%s holds no checkpoint or savepoint: there is no " SLU_MANIFEST_NAME " in it",
                             directory);
    SLU_TRY(status);
    SLU_TRY_IN(slu_manifest_decode(slu_buf_view(&bytes), &manifest, err), err, "%s", path);
    manifest->stores = stores;
    manifest->directory = slu_arena_strdup(&manifest->arena, directory);
    if (manifest->directory == NULL) {
        slu_manifest_free(&manifest);
        return slu_error_set(err, SLU_NOMEM, "no memory for a manifest");
    }
    *out = manifest;
    return SLU_OK;
}

/* ---- What lies below a job's directory */

#define NUMBERS_BYTES_MAX ((size_t)8 << 20) /* of a million directories */

/* The number of a "chk-N" directory; -1: another name. */
static int64_t
checkpoint_number(const char *name)
{
    if (strncmp(name, "chk-", 4) != 0 || name[4] < '0' || name[4] > '9')
        return -1;
    char *end = NULL;
    errno = 0;
    const long long number = strtoll(name + 4, &end, 10);
    return *end == 0 && errno == 0 ? (int64_t)number : -1;
}

static slu_status
number_take(void *to, const char *name, slu_error *err)
{
    const int64_t number = checkpoint_number(name);
    if (number >= 0)
        slu_buf_append(to, &number, sizeof number);
    return slu_error_in(err, slu_buf_status(to, err), "too many checkpoints");
}

static int
number_compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

/* The numbers of the checkpoints, whole or not, that have a directory: the largest first. */
static slu_status
numbers_list(const slu_stores *stores, const char *job_dir, slu_buf *out, size_t *count, slu_error *err)
{
    slu_buf_init(out, NUMBERS_BYTES_MAX);
    SLU_TRY(slu_place_children(stores, job_dir, number_take, out, err));
    *count = out->bytes / sizeof(int64_t);
    if (*count > 0)
        qsort(out->data, *count, sizeof(int64_t), number_compare);
    return SLU_OK;
}

static int64_t
number_at(const slu_buf *numbers, size_t index)
{
    int64_t number;
    memcpy(&number, numbers->data + index * sizeof number, sizeof number);
    return number;
}

slu_status
slu_manifest_load_latest(const slu_stores *stores, const char *dir, const char *job_id, slu_manifest **out, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf numbers = {0};
    char job_dir[SLU_PATH_BYTES_MAX / 2];
    size_t count = 0;
    (void)snprintf(job_dir, sizeof job_dir, "%s/%s", dir, job_id);
    SLU_TRY(numbers_list(stores, job_dir, &numbers, &count, err));
    for (size_t i = 0; i < count; i++) {
        char path[SLU_PATH_BYTES_MAX];
        (void)snprintf(path, sizeof path, "%s/chk-%" PRId64, job_dir, number_at(&numbers, i));
        const slu_status status = slu_manifest_load(stores, path, out, err);
        if (status == SLU_CORRUPT)
            return slu_error_in(
                err, status,
                "the newest checkpoint is damaged (without its directory an older one counts, and what came after it "
                "may be written twice)");
        if (status != SLU_NOTFOUND) /* never made whole, or dropped since the directory was read */
            return status;
    }
    return slu_error_set(err, SLU_NOTFOUND, "no whole checkpoint below %s", job_dir);
}

slu_status
slu_checkpoint_remove(const slu_stores *stores, const char *dir, const char *job_id, int64_t checkpoint, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    char manifest[SLU_PATH_BYTES_MAX + sizeof SLU_MANIFEST_NAME];
    (void)snprintf(path, sizeof path, "%s/%s/chk-%" PRId64, dir, job_id, checkpoint);
    (void)snprintf(manifest, sizeof manifest, "%s/%s", path, SLU_MANIFEST_NAME);
    SLU_TRY(slu_place_remove(stores, manifest, err));
    SLU_TRY(slu_place_remove_dir(stores, path, err));
    return slu_shared_sweep(stores, dir, job_id, err);
}

/* The directory of a checkpoint, unless it was made whole. */
static slu_status
remains_remove(const slu_stores *stores, const char *job_dir, int64_t number, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    char manifest[SLU_PATH_BYTES_MAX + sizeof SLU_MANIFEST_NAME];
    bool whole = false;
    (void)snprintf(path, sizeof path, "%s/chk-%" PRId64, job_dir, number);
    (void)snprintf(manifest, sizeof manifest, "%s/%s", path, SLU_MANIFEST_NAME);
    SLU_TRY(slu_place_exists(stores, manifest, &whole, err));
    return whole ? SLU_OK : slu_place_remove_dir(stores, path, err);
}

slu_status
slu_checkpoint_sweep(const slu_stores *stores, const char *dir, const char *job_id, int64_t below, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf numbers = {0};
    char job_dir[SLU_PATH_BYTES_MAX / 2];
    size_t count = 0;
    (void)snprintf(job_dir, sizeof job_dir, "%s/%s", dir, job_id);
    SLU_TRY(numbers_list(stores, job_dir, &numbers, &count, err));
    for (size_t i = 0; i < count; i++)
        if (number_at(&numbers, i) < below)
            SLU_TRY(remains_remove(stores, job_dir, number_at(&numbers, i), err));
    return SLU_OK;
}
