#include "fluss/log/log_files.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define OFFSET_DIGITS 20

static int
offset_compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static slu_status
offsets_add(int64_t **offsets, size_t *count, int64_t offset, slu_error *err)
{
    if ((*count & (*count - 1)) == 0) { /* a power of two or none: full */
        int64_t *larger = slu_realloc(*offsets, (*count == 0 ? 1 : *count * 2) * sizeof *larger);
        if (larger == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory for a list of files");
        *offsets = larger;
    }
    (*offsets)[(*count)++] = offset;
    return SLU_OK;
}

/* "00000000000000000042" + suffix. */
static bool
offset_of_name(const char *name, const char *suffix, int64_t *out)
{
    uint64_t value = 0;
    if (strlen(name) != OFFSET_DIGITS + strlen(suffix) || strcmp(name + OFFSET_DIGITS, suffix) != 0)
        return false;
    for (size_t i = 0; i < OFFSET_DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9' || value > (uint64_t)INT64_MAX / 10)
            return false;
        value = value * 10 + (uint64_t)(name[i] - '0');
    }
    *out = (int64_t)value;
    return value <= INT64_MAX;
}

slu_status
fluss_log_files_list(const char *dir, fluss_log_files *out, slu_error *err)
{
    slu_status status = SLU_OK;
    struct dirent *entry = NULL;
    DIR *open = opendir(dir);
    if (open == NULL)
        return slu_errno_set(err, errno, "open", dir);
    while (status == SLU_OK && (entry = readdir(open)) != NULL) {
        int64_t offset = 0;
        if (offset_of_name(entry->d_name, ".log", &offset))
            status = offsets_add(&out->segments, &out->segment_count, offset, err);
        else if (offset_of_name(entry->d_name, ".writer_snapshot", &offset))
            status = offsets_add(&out->snapshots, &out->snapshot_count, offset, err);
    }
    (void)closedir(open);
    if (out->segment_count != 0)
        qsort(out->segments, out->segment_count, sizeof *out->segments, offset_compare);
    if (out->snapshot_count != 0)
        qsort(out->snapshots, out->snapshot_count, sizeof *out->snapshots, offset_compare);
    return status;
}

void
fluss_log_files_fini(fluss_log_files *files)
{
    slu_free(files->segments);
    slu_free(files->snapshots);
    memset(files, 0, sizeof *files);
}

static slu_status
snapshot_path(const char *dir, int64_t offset, char *out, slu_error *err)
{
    const int n = snprintf(out, SLU_PATH_BYTES_MAX, "%s/%020" PRId64 ".writer_snapshot", dir, offset);
    return n < SLU_PATH_BYTES_MAX ? SLU_OK : slu_error_set(err, SLU_LIMIT, "the path %s is too long", dir);
}

slu_status
fluss_log_files_read_snapshot(const char *dir, int64_t offset, fluss_writers *writers, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    SLU_AUTO(slu_buf_fini) slu_buf json = {0};
    slu_buf_init(&json, FLUSS_WRITER_SNAPSHOT_BYTES_MAX);
    SLU_TRY(snapshot_path(dir, offset, path, err));
    SLU_TRY(slu_file_read(path, FLUSS_WRITER_SNAPSHOT_BYTES_MAX, &json, err));
    SLU_TRY_IN(fluss_writers_decode(writers, slu_buf_view(&json), err), err, "%s", path);
    return SLU_OK;
}

slu_status
fluss_log_files_write_snapshot(const char *dir, int64_t offset, const fluss_writers *writers, bool sync, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    SLU_AUTO(slu_buf_fini) slu_buf json = {0};
    slu_buf_init(&json, FLUSS_WRITER_SNAPSHOT_BYTES_MAX);
    SLU_TRY(snapshot_path(dir, offset, path, err));
    fluss_writers_encode(writers, &json);
    SLU_TRY(slu_buf_status(&json, err));
    return slu_file_write(path, slu_buf_view(&json), sync, err);
}

slu_status
fluss_log_files_remove_snapshot(const char *dir, int64_t offset, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    SLU_TRY(snapshot_path(dir, offset, path, err));
    return slu_file_remove(path, err);
}
