/* api.c: lake snapshots (GET, PREPARE, COMMIT) and the tiering heartbeat. */
#include "base/file.h"
#include "base/limits.h"
#include "base/uuid.h"
#include "fluss/server/access/authorize.h"
#include "fluss/server/lake/offsets.h"
#include "fluss/server/reply.h"
#include "fluss/server/tables/table_rules.h"
#include "fluss/server/lake/tiering.h"

#include <inttypes.h>
#include <strings.h>

#define LAKE_TABLES_MAX 32 /* in one request */
#define LAKE_KEEP_ALL (-1)

bool
fluss_lake_enabled(const fluss_descriptor *descriptor)
{
    const char *enabled = fluss_descriptor_get(descriptor, "table.datalake.enabled");
    return enabled != NULL && strcasecmp(enabled, "true") == 0;
}

slu_status
fluss_lake_add(fluss_server *server, const fluss_table_row *row, const fluss_descriptor *descriptor, int64_t last_tiered_ms,
               slu_error *err)
{
    const char *text = fluss_descriptor_get(descriptor, "table.datalake.freshness");
    int64_t freshness_ms = FLUSS_DURATION_DEFAULT_FRESHNESS_MS;
    if (text != NULL && !fluss_duration_parse(text, &freshness_ms))
        freshness_ms = FLUSS_DURATION_DEFAULT_FRESHNESS_MS;
    return fluss_tiering_add(server->tiering, row->id, row->database, row->name, freshness_ms, last_tiered_ms, err);
}

static slu_status
lake_load_table(fluss_server *server, const fluss_table_row *row, slu_arena *arena, slu_error *err)
{
    fluss_descriptor descriptor;
    fluss_lake_snapshot_row *snapshots = NULL;
    size_t count = 0;
    SLU_TRY(fluss_descriptor_decode(slu_view_of_text(row->json), arena, &descriptor, err));
    if (!fluss_lake_enabled(&descriptor))
        return SLU_OK;
    SLU_TRY(fluss_catalogue_list_lake_snapshots(server->catalogue, row->id, arena, &snapshots, &count, err));
    return fluss_lake_add(server, row, &descriptor, count == 0 ? row->created_ms : snapshots[count - 1].time_ms, err);
}

slu_status
fluss_lake_load(fluss_server *server, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    fluss_database_row *databases = NULL;
    size_t database_count = 0;
    slu_arena_init(&arena, (size_t)1 << 30);
    SLU_TRY(fluss_catalogue_list_databases(server->catalogue, &arena, &databases, &database_count, err));
    for (size_t d = 0; d < database_count; d++) {
        fluss_table_row *tables = NULL;
        size_t table_count = 0;
        SLU_TRY(fluss_catalogue_list_tables(server->catalogue, databases[d].name, &arena, &tables, &table_count, err));
        for (size_t t = 0; t < table_count; t++)
            SLU_TRY_IN(lake_load_table(server, &tables[t], &arena, err), err, "table %s.%s", tables[t].database, tables[t].name);
    }
    return SLU_OK;
}

/* ---- offsets files ---- */

/* "/data/remote/lake/db/table-7/metadata", absolute: other processes read what lies there. */
static slu_status
lake_dir(const fluss_server *server, const fluss_table_row *row, char *out, slu_error *err)
{
    const int n = snprintf(out, SLU_PATH_BYTES_MAX, "%s/lake/%s/%s-%" PRId64 "/metadata", fluss_remote_near(server->remote),
                           row->database, row->name, row->id);
    return n < SLU_PATH_BYTES_MAX
               ? SLU_OK
               : slu_error_set(err, SLU_LIMIT, "the path of the lake offsets of table %s is too long", row->name);
}

/* What the catalogue keeps of an offsets file's path: the part below the remote directory, which may move. */
static const char *
lake_path_kept(const fluss_server *server, const char *path)
{
    const char *root = fluss_remote_near(server->remote);
    const size_t bytes = strlen(root);
    return strncmp(path, root, bytes) == 0 && path[bytes] == '/' ? path + bytes + 1 : path;
}

/* And back. Older catalogues keep absolute paths: of a directory that has moved, what lies below its lake/ is looked for here. */
static slu_status
lake_path_found(const fluss_server *server, const char *kept, char *out, slu_error *err)
{
    const char *below = strstr(kept, "/lake/");
    const bool absolute = kept[0] == '/';
    const bool whole = absolute && (slu_path_exists(kept) || below == NULL);
    const int n = whole
                      ? snprintf(out, SLU_PATH_BYTES_MAX, "%s", kept)
                      : snprintf(out, SLU_PATH_BYTES_MAX, "%s/%s", fluss_remote_near(server->remote), absolute ? below + 1 : kept);
    return n < SLU_PATH_BYTES_MAX ? SLU_OK : slu_error_set(err, SLU_LIMIT, "the path %s is too long", kept);
}

static slu_status
offsets_read(const fluss_server *server, const char *kept, fluss_lake_offsets *out, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    SLU_AUTO(slu_buf_fini) slu_buf json = {0};
    slu_buf_init(&json, FLUSS_LAKE_OFFSETS_BYTES_MAX);
    SLU_TRY(lake_path_found(server, kept, path, err));
    SLU_TRY(slu_file_read(path, FLUSS_LAKE_OFFSETS_BYTES_MAX, &json, err));
    SLU_TRY_IN(fluss_lake_offsets_decode(slu_buf_view(&json), out, err), err, "%s", path);
    return SLU_OK;
}

static slu_status
offsets_write(const fluss_request *r, const fluss_table_row *row, fluss_lake_offsets *offsets, const char **out_path,
              slu_error *err)
{
    char dir[SLU_PATH_BYTES_MAX];
    char uuid[SLU_UUID_TEXT_BYTES];
    SLU_AUTO(slu_buf_fini) slu_buf json = {0};
    slu_buf_init(&json, FLUSS_LAKE_OFFSETS_BYTES_MAX);
    fluss_lake_offsets_encode(offsets, &json);
    SLU_TRY(slu_buf_status(&json, err));
    SLU_TRY(lake_dir(r->server, row, dir, err));
    SLU_TRY(slu_dir_make(dir, err));
    slu_uuid_new(r->server->env, uuid);
    const char *path = slu_arena_printf(r->arena, "%s/%s.offsets", dir, uuid);
    SLU_TRY(slu_arena_status(r->arena, err));
    SLU_TRY(slu_file_write(path, slu_buf_view(&json), r->server->config->sync, err));
    *out_path = path;
    return SLU_OK;
}

static slu_status
tiered_offset(fluss_server *server, const fluss_tablet *tablet, int64_t *out, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    SLU_AUTO(fluss_lake_offsets_fini) fluss_lake_offsets offsets = {0};
    fluss_lake_snapshot_row *rows = NULL;
    size_t count = 0;
    slu_arena_init(&arena, (size_t)16 << 20);
    SLU_TRY(fluss_catalogue_list_lake_snapshots(server->catalogue, tablet->table->row.id, &arena, &rows, &count, err));
    if (count == 0)
        return SLU_OK;
    SLU_TRY(offsets_read(server, rows[count - 1].tiered_path, &offsets, err));
    for (size_t i = 0; i < offsets.count; i++)
        if (offsets.entries[i].partition_id == tablet->partition_id && offsets.entries[i].bucket == tablet->bucket)
            *out = offsets.entries[i].offset;
    return SLU_OK;
}

int64_t
fluss_lake_offset_of(fluss_server *server, const fluss_tablet *tablet)
{
    slu_error why;
    int64_t offset = 0;
    if (tiered_offset(server, tablet, &offset, &why) != SLU_OK)
        slu_log_warn(server->env, "LAKE-OFFSETS", "table %s.%s: %s", tablet->table->row.database, tablet->table->row.name,
                     why.message);
    return offset;
}

/* A client names the file that it was given; nothing else of this machine is read for it. */
static slu_status
offsets_path_check(const fluss_server *server, const fluss_table_row *row, const char *path, slu_error *err)
{
    char dir[SLU_PATH_BYTES_MAX];
    SLU_TRY(lake_dir(server, row, dir, err));
    const size_t bytes = strlen(dir);
    if (strncmp(path, dir, bytes) == 0 && path[bytes] == '/' && strchr(path + bytes + 1, '/') == NULL)
        return SLU_OK;
    return slu_error_set(err, SLU_INVALID,
                         "'%s' is not an offsets file of table %s.%s: use the path that PREPARE_LAKE_TABLE_SNAPSHOT gave", path,
                         row->database, row->name);
}

/* ---- GET_LAKE_SNAPSHOT ---- */

/* The newest; the newest readable; or one by id. NULL: there is none. */
static const fluss_lake_snapshot_row *
snapshot_choose(const Fluss__GetLakeSnapshotRequest *request, const fluss_lake_snapshot_row *rows, size_t count)
{
    const bool readable = request->has_readable && request->readable;
    for (size_t i = count; i > 0; i--) {
        const fluss_lake_snapshot_row *row = &rows[i - 1];
        if (request->has_snapshot_id ? row->snapshot_id == request->snapshot_id : !readable || row->readable_path != NULL)
            return row;
    }
    return NULL;
}

static slu_status
snapshot_missing(const Fluss__GetLakeSnapshotRequest *request, int64_t table_id, slu_error *err)
{
    char id[48] = "";
    if (request->has_snapshot_id)
        (void)snprintf(id, sizeof id, ", snapshot id: %" PRId64, request->snapshot_id);
    (void)slu_error_set(err, SLU_NOTFOUND, "Lake table %s doesn't exist for table: %s.%s, table id: %" PRId64 "%s",
                        request->has_readable && request->readable ? "readable snapshot" : "snapshot",
                        request->table_path->database_name, request->table_path->table_name, table_id, id);
    err->code = FLUSS_ERROR_LAKE_SNAPSHOT_NOT_EXIST;
    return SLU_NOTFOUND;
}

slu_status
fluss_handle_lake_snapshot(fluss_request *r, slu_error *err)
{
    const Fluss__GetLakeSnapshotRequest *request = (const Fluss__GetLakeSnapshotRequest *)r->message;
    Fluss__GetLakeSnapshotResponse response = FLUSS__GET_LAKE_SNAPSHOT_RESPONSE__INIT;
    SLU_AUTO(fluss_lake_offsets_fini) fluss_lake_offsets offsets = {0};
    fluss_served *table = NULL;
    fluss_lake_snapshot_row *rows = NULL;
    size_t count = 0;
    const bool readable = request->has_readable && request->readable;
    if (readable && request->has_snapshot_id)
        return slu_error_set(err, SLU_INVALID,
                             "GetLakeSnapshotRequest cannot set both snapshot_id and readable=true; use one or the other to "
                             "specify either a snapshot by id or the latest readable snapshot.");
    SLU_TRY(fluss_tables_get(r->server->tables, request->table_path->database_name, request->table_path->table_name, &table, err));
    SLU_TRY(fluss_catalogue_list_lake_snapshots(r->server->catalogue, table->row.id, r->arena, &rows, &count, err));
    const fluss_lake_snapshot_row *row = snapshot_choose(request, rows, count);
    if (row == NULL)
        return snapshot_missing(request, table->row.id, err);
    SLU_TRY(offsets_read(r->server, readable ? row->readable_path : row->tiered_path, &offsets, err));
    response.table_id = table->row.id;
    response.snapshot_id = row->snapshot_id;
    Fluss__PbLakeSnapshotForBucket **list =
        (Fluss__PbLakeSnapshotForBucket **)fluss_reply_list(r->arena, offsets.count, sizeof **list);
    for (size_t i = 0; list != NULL && i < offsets.count; i++) {
        fluss__pb_lake_snapshot_for_bucket__init(list[i]);
        list[i]->has_partition_id = offsets.entries[i].partition_id >= 0;
        list[i]->partition_id = offsets.entries[i].partition_id;
        list[i]->bucket_id = offsets.entries[i].bucket;
        list[i]->has_log_offset = true;
        list[i]->log_offset = offsets.entries[i].offset;
    }
    response.n_bucket_snapshots = offsets.count;
    response.bucket_snapshots = list;
    return fluss_request_answer(r, &response.base, err);
}

/* ---- PREPARE_LAKE_TABLE_SNAPSHOT ---- */

static slu_status
prepare_table(const fluss_request *r, const Fluss__PbTableOffsets *asked, bool forget, const char **out_path, slu_error *err)
{
    SLU_AUTO(fluss_lake_offsets_fini) fluss_lake_offsets offsets = {0};
    fluss_served *table = NULL;
    fluss_lake_snapshot_row *rows = NULL;
    size_t count = 0;
    SLU_TRY(fluss_authorize_part(r, FLUSS_OPERATION_READ, asked->table_id, err));
    SLU_TRY(fluss_tables_get_by_id(r->server->tables, asked->table_id, &table, err));
    SLU_TRY(fluss_catalogue_list_lake_snapshots(r->server->catalogue, table->row.id, r->arena, &rows, &count, err));
    if (count != 0 && !forget)
        SLU_TRY(offsets_read(r->server, rows[count - 1].tiered_path, &offsets, err));
    offsets.table_id = table->row.id;
    for (size_t i = 0; i < asked->n_bucket_offsets; i++) {
        const Fluss__PbBucketOffset *bucket = asked->bucket_offsets[i];
        if (bucket->has_log_end_offset)
            SLU_TRY(fluss_lake_offsets_set(&offsets, bucket->has_partition_id ? bucket->partition_id : FLUSS_NO_PARTITION,
                                           bucket->bucket_id, bucket->log_end_offset, err));
    }
    return offsets_write(r, &table->row, &offsets, out_path, err);
}

/* Each table is a file and a transaction, both durable, while everybody waits: a tiering job commits one at a time. */
static slu_status
tables_bound(size_t count, slu_error *err)
{
    if (count <= LAKE_TABLES_MAX)
        return SLU_OK;
    return slu_error_set(err, SLU_LIMIT, "%zu tables in one request about lake snapshots: at most %d, please", count,
                         LAKE_TABLES_MAX);
}

slu_status
fluss_handle_prepare_lake_snapshot(fluss_request *r, slu_error *err)
{
    const Fluss__PrepareLakeTableSnapshotRequest *request = (const Fluss__PrepareLakeTableSnapshotRequest *)r->message;
    Fluss__PrepareLakeTableSnapshotResponse response = FLUSS__PREPARE_LAKE_TABLE_SNAPSHOT_RESPONSE__INIT;
    const bool forget = request->has_ignore_previous_table_offsets && request->ignore_previous_table_offsets;
    SLU_TRY(tables_bound(request->n_bucket_offsets, err));
    Fluss__PbPrepareLakeTableRespForTable **list =
        (Fluss__PbPrepareLakeTableRespForTable **)fluss_reply_list(r->arena, request->n_bucket_offsets, sizeof **list);
    for (size_t i = 0; list != NULL && i < request->n_bucket_offsets; i++) {
        slu_error why;
        const char *path = NULL;
        fluss__pb_prepare_lake_table_resp_for_table__init(list[i]);
        list[i]->has_table_id = true;
        list[i]->table_id = request->bucket_offsets[i]->table_id;
        const slu_status status = prepare_table(r, request->bucket_offsets[i], forget, &path, &why);
        list[i]->lake_table_offsets_path = fluss_reply_text(path);
        list[i]->has_error_code = status != SLU_OK;
        if (status != SLU_OK)
            list[i]->error_code = fluss_reply_error(r->arena, status, &why, &list[i]->error_message);
    }
    response.n_prepare_lake_table_resp = request->n_bucket_offsets;
    response.prepare_lake_table_resp = list;
    return fluss_request_answer(r, &response.base, err);
}

/* ---- COMMIT_LAKE_TABLE_SNAPSHOT ---- */

/* Which of the older snapshots are forgotten: all, none, or those before the one to keep (by place: ids are not ordered). */
static slu_status
commit_forget(const fluss_request *r, const Fluss__PbLakeTableSnapshotMetadata *asked, const fluss_lake_snapshot_row *rows,
              size_t count, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    size_t forget = asked->has_earliest_snapshot_id_to_keep ? 0 : count;
    for (size_t i = 0; asked->has_earliest_snapshot_id_to_keep && i < count; i++)
        if (asked->earliest_snapshot_id_to_keep != LAKE_KEEP_ALL && rows[i].snapshot_id == asked->earliest_snapshot_id_to_keep)
            forget = i;
    for (size_t i = 0; i < forget; i++) {
        if (rows[i].snapshot_id == asked->snapshot_id)
            continue; /* registered again: it was lost, and repaired */
        SLU_TRY(fluss_catalogue_drop_lake_snapshot(r->server->catalogue, asked->table_id, rows[i].snapshot_id, err));
        SLU_TRY(lake_path_found(r->server, rows[i].tiered_path, path, err));
        if (strcmp(path, asked->tiered_bucket_offsets_file_path) != 0)
            SLU_TRY(slu_file_remove(path, err));
    }
    return SLU_OK;
}

static slu_status
commit_table(const fluss_request *r, const Fluss__PbLakeTableSnapshotMetadata *asked, slu_error *err)
{
    SLU_AUTO(fluss_lake_offsets_fini) fluss_lake_offsets offsets = {0};
    fluss_served *table = NULL;
    fluss_lake_snapshot_row *rows = NULL;
    size_t count = 0;
    SLU_TRY(fluss_authorize_part(r, FLUSS_OPERATION_READ, asked->table_id, err));
    SLU_TRY(fluss_tables_get_by_id(r->server->tables, asked->table_id, &table, err));
    SLU_TRY(offsets_path_check(r->server, &table->row, asked->tiered_bucket_offsets_file_path, err));
    if (asked->readable_bucket_offsets_file_path != NULL)
        SLU_TRY(offsets_path_check(r->server, &table->row, asked->readable_bucket_offsets_file_path, err));
    SLU_TRY(offsets_read(r->server, asked->tiered_bucket_offsets_file_path, &offsets, err));
    SLU_TRY(fluss_catalogue_list_lake_snapshots(r->server->catalogue, table->row.id, r->arena, &rows, &count, err));
    const char *readable = asked->readable_bucket_offsets_file_path;
    const fluss_lake_snapshot_row row = {asked->snapshot_id, lake_path_kept(r->server, asked->tiered_bucket_offsets_file_path),
                                         readable == NULL ? NULL : lake_path_kept(r->server, readable),
                                         slu_wall_ms(r->server->env)};
    SLU_TRY(fluss_catalogue_add_lake_snapshot(r->server->catalogue, table->row.id, &row, err));
    return commit_forget(r, asked, rows, count, err);
}

/* ---- The form of 0.8: offsets come with the commit, nothing was prepared; the snapshot is readable at once ---- */

static slu_status
commit_table_08(const fluss_request *r, const Fluss__PbLakeTableSnapshotInfo *asked, slu_error *err)
{
    Fluss__PbTableOffsets prepare = FLUSS__PB_TABLE_OFFSETS__INIT;
    Fluss__PbLakeTableSnapshotMetadata commit = FLUSS__PB_LAKE_TABLE_SNAPSHOT_METADATA__INIT;
    Fluss__PbBucketOffset **offsets = (Fluss__PbBucketOffset **)fluss_reply_list(r->arena, asked->n_buckets_req, sizeof **offsets);
    const char *path = NULL;
    SLU_TRY(slu_arena_status(r->arena, err));
    for (size_t i = 0; i < asked->n_buckets_req; i++) {
        const Fluss__PbLakeTableOffsetForBucket *bucket = asked->buckets_req[i];
        fluss__pb_bucket_offset__init(offsets[i]);
        offsets[i]->has_partition_id = bucket->has_partition_id;
        offsets[i]->partition_id = bucket->partition_id;
        offsets[i]->bucket_id = bucket->bucket_id;
        offsets[i]->has_log_end_offset = bucket->has_log_end_offset;
        offsets[i]->log_end_offset = bucket->log_end_offset;
    }
    prepare.table_id = asked->table_id;
    prepare.n_bucket_offsets = asked->n_buckets_req;
    prepare.bucket_offsets = offsets;
    SLU_TRY(prepare_table(r, &prepare, false, &path, err));
    commit.table_id = asked->table_id;
    commit.snapshot_id = asked->snapshot_id;
    commit.tiered_bucket_offsets_file_path = commit.readable_bucket_offsets_file_path = fluss_reply_text(path);
    return commit_table(r, &commit, err);
}

static slu_status
commit_08(fluss_request *r, const Fluss__CommitLakeTableSnapshotRequest *request, slu_error *err)
{
    Fluss__CommitLakeTableSnapshotResponse08 response = FLUSS__COMMIT_LAKE_TABLE_SNAPSHOT_RESPONSE08__INIT;
    Fluss__PbCommitLakeTableSnapshotRespForTable08 **list =
        (Fluss__PbCommitLakeTableSnapshotRespForTable08 **)fluss_reply_list(r->arena, request->n_tables_req, sizeof **list);
    for (size_t i = 0; list != NULL && i < request->n_tables_req; i++) {
        slu_error why;
        fluss__pb_commit_lake_table_snapshot_resp_for_table08__init(list[i]);
        list[i]->table_id = request->tables_req[i]->table_id;
        const slu_status status = commit_table_08(r, request->tables_req[i], &why);
        list[i]->has_error_code = status != SLU_OK;
        if (status != SLU_OK)
            list[i]->error_code = fluss_reply_error(r->arena, status, &why, &list[i]->error_message);
    }
    response.n_table_resp = list == NULL ? 0 : request->n_tables_req;
    response.table_resp = list;
    return fluss_request_answer(r, &response.base, err);
}

slu_status
fluss_handle_commit_lake_snapshot(fluss_request *r, slu_error *err)
{
    const Fluss__CommitLakeTableSnapshotRequest *request = (const Fluss__CommitLakeTableSnapshotRequest *)r->message;
    Fluss__CommitLakeTableSnapshotResponse response = FLUSS__COMMIT_LAKE_TABLE_SNAPSHOT_RESPONSE__INIT;
    const size_t count = request->n_lake_table_snapshot_metadata;
    SLU_TRY(tables_bound(count, err));
    SLU_TRY(tables_bound(request->n_tables_req, err));
    if (count == 0 && request->n_tables_req != 0)
        return commit_08(r, request, err);
    Fluss__PbCommitLakeTableSnapshotRespForTable **list =
        (Fluss__PbCommitLakeTableSnapshotRespForTable **)fluss_reply_list(r->arena, count, sizeof **list);
    for (size_t i = 0; list != NULL && i < count; i++) {
        slu_error why;
        fluss__pb_commit_lake_table_snapshot_resp_for_table__init(list[i]);
        list[i]->table_id = request->lake_table_snapshot_metadata[i]->table_id;
        const slu_status status = commit_table(r, request->lake_table_snapshot_metadata[i], &why);
        list[i]->has_error_code = status != SLU_OK;
        if (status != SLU_OK)
            list[i]->error_code = fluss_reply_error(r->arena, status, &why, &list[i]->error_message);
    }
    response.n_table_resp = count;
    response.table_resp = list;
    return fluss_request_answer(r, &response.base, err);
}

/* ---- LAKE_TIERING_HEARTBEAT ---- */

typedef enum heartbeat_kind { HEARTBEAT_FAILED, HEARTBEAT_TIERING, HEARTBEAT_FINISHED } heartbeat_kind;

static slu_status
heartbeat_table(const fluss_request *r, const Fluss__PbHeartbeatReqForTable *asked, heartbeat_kind kind, slu_error *err)
{
    const Fluss__LakeTieringHeartbeatRequest *request = (const Fluss__LakeTieringHeartbeatRequest *)r->message;
    const int32_t epoch = fluss_catalogue_epoch(r->server->catalogue);
    bool again = false;
    if (asked->coordinator_epoch != epoch) {
        (void)slu_error_set(err, SLU_CONFLICT,
                            "The coordinator epoch %" PRId32 " in request is not match current coordinator epoch %" PRId32
                            " for table %" PRId64 ".",
                            asked->coordinator_epoch, epoch, asked->table_id);
        err->code = FLUSS_ERROR_INVALID_COORDINATOR_EXCEPTION;
        return SLU_CONFLICT;
    }
    if (kind == HEARTBEAT_FAILED)
        return fluss_tiering_failed(r->server->tiering, asked->table_id, asked->tiering_epoch, err);
    if (kind == HEARTBEAT_TIERING)
        return fluss_tiering_renew(r->server->tiering, asked->table_id, asked->tiering_epoch, err);
    for (size_t i = 0; i < request->n_force_finished_tables; i++)
        again = again || request->force_finished_tables[i] == asked->table_id;
    return fluss_tiering_finish(r->server->tiering, asked->table_id, asked->tiering_epoch, again, err);
}

static Fluss__PbHeartbeatRespForTable **
heartbeat_tables(const fluss_request *r, Fluss__PbHeartbeatReqForTable *const *asked, size_t count, heartbeat_kind kind)
{
    Fluss__PbHeartbeatRespForTable **list = (Fluss__PbHeartbeatRespForTable **)fluss_reply_list(r->arena, count, sizeof **list);
    Fluss__ErrorResponse *errors = slu_arena_array(r->arena, count + 1, sizeof *errors);
    for (size_t i = 0; list != NULL && errors != NULL && i < count; i++) {
        slu_error why;
        fluss__pb_heartbeat_resp_for_table__init(list[i]);
        list[i]->table_id = asked[i]->table_id;
        const slu_status status = heartbeat_table(r, asked[i], kind, &why);
        if (status == SLU_OK)
            continue;
        fluss__error_response__init(&errors[i]);
        errors[i].error_code = fluss_reply_error(r->arena, status, &why, &errors[i].error_message);
        list[i]->error = &errors[i];
    }
    return list;
}

slu_status
fluss_handle_tiering_heartbeat(fluss_request *r, slu_error *err)
{
    const Fluss__LakeTieringHeartbeatRequest *request = (const Fluss__LakeTieringHeartbeatRequest *)r->message;
    Fluss__LakeTieringHeartbeatResponse response = FLUSS__LAKE_TIERING_HEARTBEAT_RESPONSE__INIT;
    Fluss__PbLakeTieringTableInfo claimed = FLUSS__PB_LAKE_TIERING_TABLE_INFO__INIT;
    Fluss__PbTablePath path = FLUSS__PB_TABLE_PATH__INIT;
    const char *database = NULL;
    const char *name = NULL;
    response.coordinator_epoch = fluss_catalogue_epoch(r->server->catalogue);
    response.failed_table_resp = heartbeat_tables(r, request->failed_tables, request->n_failed_tables, HEARTBEAT_FAILED);
    response.n_failed_table_resp = request->n_failed_tables;
    response.tiering_table_resp = heartbeat_tables(r, request->tiering_tables, request->n_tiering_tables, HEARTBEAT_TIERING);
    response.n_tiering_table_resp = request->n_tiering_tables;
    response.finished_table_resp = heartbeat_tables(r, request->finished_tables, request->n_finished_tables, HEARTBEAT_FINISHED);
    response.n_finished_table_resp = request->n_finished_tables;
    SLU_TRY(slu_arena_status(r->arena, err));
    if (request->has_request_table && request->request_table &&
        fluss_tiering_claim(r->server->tiering, &claimed.table_id, &claimed.tiering_epoch, &database, &name) == SLU_OK) {
        path.database_name = fluss_reply_text(database);
        path.table_name = fluss_reply_text(name);
        claimed.table_path = &path;
        response.tiering_table = &claimed;
    }
    return fluss_request_answer(r, &response.base, err);
}
