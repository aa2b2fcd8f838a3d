#include "snapshot_reader.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"
#include "batch/batch.h"
#include "fluss/record/kv_batch.h"
#include "fluss/record/row.h"
#include "fluss/remote/layout.h"
#include "fluss/snapshot/kv_snapshot.h"
#include "kv/kv.h"
#include "target_internal.h"

#include <sluice/arrow.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define READER_BATCH_BYTES_DEFAULT ((size_t)1 << 20)
#define FILE_TRY_MS 60000

struct fluss_snapshot_reader {
    fluss_target *target;
    int32_t bucket;
    int64_t snapshot_id;
    fluss_snapshot_options options;
    int32_t *columns; /* NULL: all */
    struct ArrowSchema schema;
    fluss_rows *rows;
    fluss_call *call;
    fluss_answer *answer; /* until its files are linked */
    slu_error failure;    /* of the call */
    char dir[SLU_PATH_BYTES_MAX];
    bool has_dir;
    size_t placed;            /* of the answer's files, in that directory */
    fluss_fetching *fetching; /* the one behind them, from a store beyond the network */
    slu_kv_reader *kv;
    slu_view value; /* of the row that the reader stands on and has not given, if has_row */
    bool has_row;
    bool ended;
    int64_t row_count;
    int64_t log_offset;
};

/* ---- where the files are ---- */

static slu_status
file_path(const Fluss__PbRemotePathAndLocalFile *file, const char **out, slu_error *err)
{
    if (!fluss_kv_local_name_ok(file->local_file_name))
        return slu_error_set(err, SLU_CORRUPT, "a file of a kv snapshot is called \"%s\"", file->local_file_name);
    return fluss_remote_local_path(file->remote_path, out, err);
}

/* Of a file that is fetched nothing is known before it is. */
static bool
file_fetched(const fluss_client *client, const Fluss__PbRemotePathAndLocalFile *file)
{
    return fluss_files_known(client) && fluss_store_is_foreign(file->remote_path) && fluss_kv_local_name_ok(file->local_file_name);
}

static slu_status
file_readable(const fluss_client *client, const Fluss__PbRemotePathAndLocalFile *file, slu_error *err)
{
    const char *path = NULL;
    if (file_fetched(client, file))
        return SLU_OK;
    SLU_TRY(file_path(file, &path, err));
    if (access(path, R_OK) == 0)
        return SLU_OK;
    (void)slu_errno_set(err, errno, "read", path);
    return slu_error_in(err, SLU_IO,
                        "a kv snapshot's file is not to be had on this machine (mount the server's remote.data.dir here)");
}

static void
metadata_request(const fluss_target *target, int32_t bucket, int64_t snapshot_id, Fluss__GetKvSnapshotMetadataRequest *request)
{
    *request = (Fluss__GetKvSnapshotMetadataRequest)FLUSS__GET_KV_SNAPSHOT_METADATA_REQUEST__INIT;
    request->table_id = fluss_target_table(target)->table_id;
    request->partition_id = fluss_target_partition_id(target, bucket);
    request->has_partition_id = request->partition_id >= 0;
    request->bucket_id = bucket % fluss_target_table(target)->bucket_count;
    request->snapshot_id = snapshot_id;
}

/* Its first byte is fetched: keys and place are right, then. */
static slu_status
file_try(fluss_client *client, const char *location, slu_error *err)
{
    fluss_fetching *fetching = NULL;
    fluss_answer *piece = NULL;
    const uint8_t *data = NULL;
    slu_status status = SLU_AGAIN;
    if (!fluss_store_is_foreign(location))
        return SLU_OK;
    SLU_TRY(fluss_files_read(client, location, 0, 1, &fetching, err));
    for (const int64_t until_ms = slu_now_ms(fluss_client_env(client)) + FILE_TRY_MS; status == SLU_AGAIN;) {
        status = fluss_fetching_poll(&fetching, &piece, &data, err);
        if (status == SLU_AGAIN && slu_now_ms(fluss_client_env(client)) > until_ms)
            status = slu_error_set(err, SLU_TIMEOUT, "'%s' was not fetched within %d s", location, FILE_TRY_MS / 1000);
        if (status == SLU_AGAIN)
            fluss_client_step(client, 100);
    }
    fluss_fetching_cancel(&fetching);
    fluss_answer_unref(&piece);
    return status;
}

slu_status
fluss_snapshot_reachable(fluss_target *target, const fluss_snapshot_at *at, slu_error *err)
{
    Fluss__GetKvSnapshotMetadataRequest request;
    SLU_AUTO(fluss_answer_unref) fluss_answer *answer = NULL;
    metadata_request(target, at->bucket, at->snapshot_id, &request);
    SLU_TRY(fluss_client_ask(fluss_target_client(target), FLUSS_TO_ANY, FLUSS_API_GET_KV_SNAPSHOT_METADATA, &request.base, &answer,
                             err));
    const Fluss__GetKvSnapshotMetadataResponse *metadata = (const Fluss__GetKvSnapshotMetadataResponse *)answer->message;
    for (size_t i = 0; i < metadata->n_snapshot_files; i++)
        SLU_TRY(file_readable(fluss_target_client(target), metadata->snapshot_files[i], err));
    return metadata->n_snapshot_files == 0 ? SLU_OK
                                           : file_try(fluss_target_client(target), metadata->snapshot_files[0]->remote_path, err);
}

/* ---- open ---- */

static void
metadata_answered(void *context, fluss_answer *answer, const slu_error *failure)
{
    fluss_snapshot_reader *reader = context;
    reader->call = NULL;
    if (failure != NULL)
        reader->failure = *failure;
    else
        reader->answer = fluss_answer_ref(answer);
}

static slu_status
metadata_ask(fluss_snapshot_reader *reader, slu_error *err)
{
    Fluss__GetKvSnapshotMetadataRequest request;
    metadata_request(reader->target, reader->bucket, reader->snapshot_id, &request);
    return fluss_client_call(fluss_target_client(reader->target), FLUSS_TO_ANY, FLUSS_API_GET_KV_SNAPSHOT_METADATA, &request.base,
                             metadata_answered, reader, &reader->call, err);
}

static slu_status
columns_take(fluss_snapshot_reader *reader, const fluss_snapshot_options *options, slu_error *err)
{
    const fluss_table *table = fluss_target_table(reader->target);
    struct ArrowSchema **children = NULL;
    if (options->columns == NULL)
        return slu_schema_copy(&table->arrow, &reader->schema, err);
    reader->columns = slu_alloc(((size_t)options->column_count + 1) * sizeof *reader->columns);
    children = slu_alloc_zero((size_t)options->column_count + 1, sizeof(struct ArrowSchema *));
    if (reader->columns == NULL || children == NULL) {
        slu_free(children);
        return slu_error_set(err, SLU_NOMEM, "no memory for %u columns", options->column_count);
    }
    for (uint32_t i = 0; i < options->column_count; i++) {
        reader->columns[i] = options->columns[i];
        children[i] = table->arrow.children[options->columns[i]];
    }
    const struct ArrowSchema shape = {.format = "+s", .name = "", .n_children = options->column_count, .children = children};
    const slu_status status = slu_schema_copy(&shape, &reader->schema, err);
    slu_free(children);
    return status;
}

slu_status
fluss_snapshot_reader_open(fluss_target *target, int32_t bucket, int64_t snapshot_id, const fluss_snapshot_options *options,
                           fluss_snapshot_reader **out, slu_error *err)
{
    const fluss_table *table = fluss_target_table(target);
    if (table->key_column_count == 0)
        return slu_error_set(err, SLU_INVALID, "table %s has no primary key, and no kv snapshots", fluss_target_name(target));
    fluss_snapshot_reader *reader = slu_alloc_zero(1, sizeof *reader);
    if (reader == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a reader of a kv snapshot");
    reader->target = target;
    reader->bucket = bucket;
    reader->snapshot_id = snapshot_id;
    reader->log_offset = -1;
    if (options != NULL)
        reader->options = *options;
    reader->options.batch_rows = reader->options.batch_rows > 0 ? reader->options.batch_rows : FLUSS_SNAPSHOT_ROWS_DEFAULT;
    reader->options.batch_bytes_max =
        reader->options.batch_bytes_max > 0 ? reader->options.batch_bytes_max : READER_BATCH_BYTES_DEFAULT;
    slu_status status = columns_take(reader, &reader->options, err);
    if (status == SLU_OK)
        status = fluss_rows_new(&table->descriptor->schema, &reader->rows, err);
    if (status == SLU_OK)
        status = metadata_ask(reader, err);
    if (status != SLU_OK) {
        fluss_snapshot_reader_close(&reader);
        return status;
    }
    *out = reader;
    return SLU_OK;
}

void
fluss_snapshot_reader_close(fluss_snapshot_reader **out)
{
    fluss_snapshot_reader *reader = *out;
    slu_error why;
    if (reader == NULL)
        return;
    slu_kv_reader_close(&reader->kv);
    fluss_fetching_cancel(&reader->fetching);
    if (reader->has_dir && slu_dir_remove(reader->dir, &why) != SLU_OK)
        slu_log_warn(fluss_client_env(fluss_target_client(reader->target)), "KV-SNAPSHOT-LINKS", "%s", why.message);
    fluss_call_cancel(&reader->call);
    fluss_answer_unref(&reader->answer);
    fluss_rows_free(&reader->rows);
    if (reader->schema.release != NULL)
        slu_schema_release(&reader->schema);
    slu_free(reader->columns);
    slu_free(reader);
    *out = NULL;
}

/* ---- links ---- */

static slu_status
dir_make(fluss_snapshot_reader *reader, slu_error *err)
{
    const char *where = reader->options.directory != NULL ? reader->options.directory : getenv("TMPDIR");
    if (where == NULL || where[0] == 0)
        where = "/tmp";
    if (snprintf(reader->dir, sizeof reader->dir, "%s/sluice-kv-XXXXXX", where) >= (int)sizeof reader->dir)
        return slu_error_set(err, SLU_LIMIT, "the path %s is too long", where);
    if (mkdtemp(reader->dir) == NULL)
        return slu_errno_set(err, errno, "make", reader->dir);
    reader->has_dir = true;
    return SLU_OK;
}

static slu_status
file_link(const fluss_snapshot_reader *reader, const Fluss__PbRemotePathAndLocalFile *file, slu_error *err)
{
    const char *path = NULL;
    char name[SLU_PATH_BYTES_MAX];
    SLU_TRY(file_readable(fluss_target_client(reader->target), file, err));
    SLU_TRY(file_path(file, &path, err));
    if (snprintf(name, sizeof name, "%s/%s", reader->dir, file->local_file_name) >= (int)sizeof name)
        return slu_error_set(err, SLU_LIMIT, "the path %s is too long", reader->dir);
    return symlink(path, name) == 0 ? SLU_OK : slu_errno_set(err, errno, "link", name);
}

/* AGAIN: it is on its way. */
static slu_status
file_fetch(fluss_snapshot_reader *reader, const Fluss__PbRemotePathAndLocalFile *file, slu_error *err)
{
    char name[SLU_PATH_BYTES_MAX];
    if (snprintf(name, sizeof name, "%s/%s", reader->dir, file->local_file_name) >= (int)sizeof name)
        return slu_error_set(err, SLU_LIMIT, "the path %s is too long", reader->dir);
    if (reader->fetching == NULL)
        SLU_TRY(fluss_files_copy(fluss_target_client(reader->target), file->remote_path, name, &reader->fetching, err));
    return fluss_fetching_poll(&reader->fetching, NULL, NULL, err);
}

static slu_status
rows_skip(fluss_snapshot_reader *reader, slu_error *err)
{
    slu_view key;
    slu_view value;
    for (; reader->row_count < reader->options.skip_rows; reader->row_count++) {
        const slu_status status = slu_kv_reader_next(reader->kv, &key, &value, err);
        if (status == SLU_END)
            return slu_error_set(err, SLU_CORRUPT, "the snapshot has %" PRId64 " rows; %" PRId64 " were read of it before",
                                 reader->row_count, reader->options.skip_rows);
        SLU_TRY(status);
    }
    return SLU_OK;
}

static slu_status
files_open(fluss_snapshot_reader *reader, slu_error *err)
{
    const Fluss__GetKvSnapshotMetadataResponse *metadata = (const Fluss__GetKvSnapshotMetadataResponse *)reader->answer->message;
    if (!reader->has_dir)
        SLU_TRY(dir_make(reader, err));
    for (; reader->placed < metadata->n_snapshot_files; reader->placed++) {
        const Fluss__PbRemotePathAndLocalFile *file = metadata->snapshot_files[reader->placed];
        const slu_status status =
            file_fetched(fluss_target_client(reader->target), file) ? file_fetch(reader, file, err) : file_link(reader, file, err);
        if (status != SLU_OK)
            return status;
    }
    reader->log_offset = metadata->log_offset;
    SLU_TRY(slu_kv_reader_open(reader->dir, &reader->kv, err));
    fluss_answer_unref(&reader->answer);
    return rows_skip(reader, err);
}

/* ---- rows ---- */

/* AGAIN: the row has a schema that is later than the table's, and is being asked for. */
static slu_status
row_append(fluss_snapshot_reader *reader, slu_view value, slu_error *err)
{
    const fluss_table *table = fluss_target_table(reader->target);
    int16_t schema_id = 0;
    slu_view row;
    SLU_TRY(fluss_value_split(value, &schema_id, &row, err));
    const size_t columns = fluss_target_columns_of(reader->target, schema_id);
    if (columns != 0)
        return fluss_rows_append(reader->rows, table->kv_format, row, columns, err);
    const slu_status learnt = fluss_target_learn(reader->target, schema_id, err);
    if (learnt != SLU_OK)
        return learnt;
    return fluss_rows_append_later(reader->rows, table->kv_format, row, fluss_target_later(reader->target, schema_id), err);
}

static slu_status
batch_fill(fluss_snapshot_reader *reader, slu_error *err)
{
    size_t bytes = 0;
    for (int64_t rows = 0; rows < reader->options.batch_rows && bytes < reader->options.batch_bytes_max; rows++) {
        slu_view key;
        slu_status status = reader->has_row ? SLU_OK : slu_kv_reader_next(reader->kv, &key, &reader->value, err);
        reader->ended = status == SLU_END;
        if (reader->ended)
            return SLU_OK;
        SLU_TRY(status);
        reader->has_row = true;
        status = row_append(reader, reader->value, err);
        if (status == SLU_AGAIN)
            return rows == 0 ? SLU_AGAIN : SLU_OK; /* what is there already is given first */
        SLU_TRY(status);
        reader->has_row = false;
        reader->row_count++;
        bytes += reader->value.bytes;
    }
    return SLU_OK;
}

static slu_status
batch_give(fluss_snapshot_reader *reader, struct ArrowArray *out, slu_error *err)
{
    struct ArrowArray whole = {0};
    SLU_TRY(fluss_rows_finish(reader->rows, &whole, err));
    if (reader->columns == NULL) {
        *out = whole;
        return SLU_OK;
    }
    return slu_array_pick(&whole, reader->columns, reader->options.column_count, out, err);
}

static slu_status
reader_poll(fluss_snapshot_reader *reader, struct ArrowArray *out, slu_error *err)
{
    if (reader->failure.status != SLU_OK) {
        if (err != NULL)
            *err = reader->failure;
        return reader->failure.status;
    }
    if (reader->kv == NULL) {
        if (reader->answer == NULL)
            return SLU_AGAIN;
        const slu_status status = files_open(reader, err);
        if (status != SLU_OK)
            return status;
    }
    if (!reader->ended)
        SLU_TRY(batch_fill(reader, err));
    return fluss_rows_count(reader->rows) == 0 ? SLU_END : batch_give(reader, out, err);
}

slu_status
fluss_snapshot_reader_poll(fluss_snapshot_reader *reader, struct ArrowArray *out, slu_error *err)
{
    const slu_status status = reader_poll(reader, out, err);
    if (status < 0) {
        reader->failure.status = status; /* for good */
        if (err != NULL)
            reader->failure = *err;
        return slu_error_in(err, status, "kv snapshot %" PRId64 " of bucket %d of table %s", reader->snapshot_id, reader->bucket,
                            fluss_target_name(reader->target));
    }
    return status;
}

const struct ArrowSchema *
fluss_snapshot_reader_schema(const fluss_snapshot_reader *reader)
{
    return &reader->schema;
}

int64_t
fluss_snapshot_reader_rows(const fluss_snapshot_reader *reader)
{
    return reader->row_count;
}

int64_t
fluss_snapshot_reader_log_offset(const fluss_snapshot_reader *reader)
{
    return reader->log_offset;
}
