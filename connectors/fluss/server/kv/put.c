/* put.c: one kv batch becomes changes, a log batch, and rows; see tablet.h. */
#include "base/alloc.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/sizes.h"
#include "fluss/merge/key_row.h"
#include "fluss/server/kv/tablet_internal.h"

#include <inttypes.h>
#include <sluice/arrow.h>

#define PUT_NONE SIZE_MAX

/* A key's row as it is now. It is in the store's memory, where it came in, or in the put's arena. */
typedef struct put_value {
    fluss_kv_row at; /* without data: there is none */
    int16_t schema_id;
} put_value;

typedef struct put_record {
    slu_view key;
    slu_view row;  /* no data: a delete */
    size_t first;  /* the first record of the batch with the same key: that one holds the state */
    put_value now; /* valid in a first record */
    bool touched;  /* in a first record: its state is to be written */
    size_t chain;  /* next in the hash slot */
} put_record;

typedef struct put_state {
    fluss_kv_tablet *kv;
    const fluss_kv_put *put;
    fluss_kv_header header;
    put_record *records;
    size_t count;
    size_t *slots;
    size_t slot_count;
    slu_buf made;   /* one row while it is made */
    slu_arena rows; /* the rows that were made */
    uint8_t *kinds; /* of the changelog rows: at most two per record */
    size_t kind_count;
    int64_t row_delta;
    size_t written_columns;
    bool blind; /* nobody asks what was there */
} put_state;

static void
put_fini(put_state *state)
{
    slu_free(state->records);
    slu_free(state->slots);
    slu_free(state->kinds);
    slu_buf_fini(&state->made);
    slu_arena_fini(&state->rows);
}

/* ---- reading the batch ---- */

static slu_status
put_room(put_state *state, size_t count, slu_error *err)
{
    state->records = slu_alloc_zero(count + 1, sizeof *state->records);
    state->kinds = slu_alloc(2 * count + 1);
    if (state->records == NULL || state->kinds == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a kv batch of %zu records", count);
    return SLU_OK;
}

static slu_status
put_read(put_state *state, slu_error *err)
{
    fluss_kv_reader reader;
    SLU_TRY(fluss_kv_reader_init(&reader, state->put->batch, err));
    state->header = reader.header;
    state->count = (size_t)reader.header.record_count;
    SLU_TRY(put_room(state, state->count, err));
    size_t i = 0;
    slu_view key;
    slu_view row;
    slu_status status = SLU_OK;
    while ((status = fluss_kv_next(&reader, &key, &row, err)) == SLU_OK && i < state->count) {
        state->records[i].key = key;
        state->records[i++].row = row;
    }
    return status == SLU_END ? SLU_OK : status;
}

/* The rows that keys alone make, as LOOKUP inserts them: no writer, the newest schema. */
static slu_status
put_read_keys(put_state *state, slu_error *err)
{
    const fluss_kv_put *put = state->put;
    const fluss_kv_header header = {-1, -1, (int32_t)put->key_count, (int16_t)state->kv->table->row.schema_id, 0};
    state->header = header;
    state->count = put->key_count;
    SLU_TRY(put_room(state, state->count, err));
    for (size_t i = 0; i < state->count; i++) {
        slu_buf_reset(&state->made);
        SLU_TRY(fluss_key_row(&state->kv->table->table, put->keys[i], &state->made, err));
        uint8_t *row = slu_arena_alloc(&state->rows, state->made.bytes);
        if (row == NULL)
            return slu_arena_status(&state->rows, err);
        memcpy(row, state->made.data, state->made.bytes);
        state->records[i].key = put->keys[i];
        state->records[i].row = slu_view_of(row, state->made.bytes);
    }
    return SLU_OK;
}

/* Finds for each record the first one with its key. */
static slu_status
put_link(put_state *state, slu_error *err)
{
    state->slot_count = 8;
    while (state->slot_count < 2 * state->count)
        state->slot_count *= 2;
    state->slots = slu_alloc(state->slot_count * sizeof *state->slots);
    if (state->slots == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a kv batch of %zu records", state->count);
    memset(state->slots, 0xff, state->slot_count * sizeof *state->slots);
    for (size_t i = 0; i < state->count; i++) {
        put_record *record = &state->records[i];
        size_t *slot = &state->slots[slu_hash64(record->key.data, record->key.bytes) & (state->slot_count - 1)];
        size_t same = *slot;
        while (same != PUT_NONE && !slu_view_equal(state->records[same].key, record->key))
            same = state->records[same].chain;
        record->first = same == PUT_NONE ? i : same;
        record->chain = *slot;
        if (same == PUT_NONE)
            *slot = i;
    }
    return SLU_OK;
}

/* A stored value, split, with the columns that its schema has. */
static slu_status
put_value_of(const put_state *state, slu_view stored, put_value *out, slu_error *err)
{
    SLU_TRY(fluss_value_split(stored, &out->schema_id, &out->at.row, err));
    return kv_written_columns(state->kv, out->schema_id, &out->at.columns, err);
}

/* The state of every key before the batch. The store lends its rows until the batch is written to it. */
static slu_status
put_load_old(put_state *state, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf memory = {0};
    slu_buf_init(&memory, KV_PUT_BYTES_MAX);
    slu_view *keys = (slu_view *)(void *)slu_buf_extend(&memory, 2 * state->count * sizeof(slu_view) + 1);
    SLU_TRY(slu_buf_status(&memory, err));
    slu_view *values = keys + state->count;
    for (size_t i = 0; i < state->count; i++)
        keys[i] = state->records[i].key;
    SLU_TRY(slu_kv_get_many(state->kv->store, keys, state->count, values, err));
    for (size_t i = 0; i < state->count; i++)
        if (values[i].data != NULL && state->records[i].first == i)
            SLU_TRY(put_value_of(state, values[i], &state->records[i].now, err));
    return SLU_OK;
}

/* ---- deciding ---- */

/* One row of the changelog. */
static slu_status
put_log(put_state *state, uint8_t kind, const put_value *value, slu_error *err)
{
    SLU_TRY(fluss_rows_append(state->kv->rows, state->kv->table->table.kv_format, value->at.row, value->at.columns, err));
    state->kinds[state->kind_count++] = kind;
    return SLU_OK;
}

/* The row that was made last, kept for the rest of the put. */
static slu_status
put_keep_made(put_state *state, put_value *out, slu_error *err)
{
    SLU_TRY(slu_buf_status(&state->made, err));
    uint8_t *row = slu_arena_alloc(&state->rows, state->made.bytes + 1);
    if (row == NULL)
        return slu_arena_status(&state->rows, err);
    memcpy(row, state->made.data, state->made.bytes);
    out->at.row = slu_view_of(row, state->made.bytes);
    out->at.columns = state->kv->table->descriptor.schema.column_count;
    out->schema_id = (int16_t)state->kv->table->row.schema_id;
    return SLU_OK;
}

/* The row of a key is another one now. */
static slu_status
put_change(put_state *state, put_record *first, const put_value *new, slu_error *err)
{
    if (!fluss_merge_wal_image(state->kv->merge))
        SLU_TRY(put_log(state, SLU_ROW_UPDATE_BEFORE, &first->now, err));
    SLU_TRY(put_log(state, SLU_ROW_UPDATE_AFTER, new, err));
    first->now = *new;
    first->touched = true;
    return SLU_OK;
}

static slu_status
put_insert(put_state *state, put_record *first, put_value *new, slu_error *err)
{
    if (fluss_merge_numbered(state->kv->merge) >= 0) {
        int64_t id = 0;
        SLU_TRY(kv_next_id(state->kv, &id, err));
        slu_buf_reset(&state->made);
        SLU_TRY(fluss_merge_number(state->kv->merge, &new->at, id, &state->made, err));
        SLU_TRY(put_keep_made(state, new, err));
    }
    /* With the WAL image Fluss does not look for the old row of a whole one, and so cannot call it an insert. */
    SLU_TRY(put_log(state, state->blind ? SLU_ROW_UPDATE_AFTER : SLU_ROW_INSERT, new, err));
    state->row_delta++;
    first->now = *new;
    first->touched = true;
    return SLU_OK;
}

static slu_status
put_upsert(put_state *state, put_record *first, slu_view row, slu_error *err)
{
    put_value new = {{row, state->written_columns}, state->header.schema_id};
    fluss_verdict verdict = FLUSS_VERDICT_NEW;
    slu_buf_reset(&state->made);
    SLU_TRY(fluss_merge_upsert(state->kv->merge, &first->now.at, &new.at, &state->made, &verdict, err));
    if (verdict == FLUSS_VERDICT_KEEP)
        return SLU_OK;
    if (verdict == FLUSS_VERDICT_MADE)
        SLU_TRY(put_keep_made(state, &new, err));
    return first->now.at.row.data != NULL ? put_change(state, first, &new, err) : put_insert(state, first, &new, err);
}

static slu_status
put_delete(put_state *state, put_record *first, slu_error *err)
{
    const slu_view none = {0};
    put_value new;
    fluss_verdict verdict = FLUSS_VERDICT_KEEP;
    slu_buf_reset(&state->made);
    SLU_TRY(fluss_merge_delete(state->kv->merge, &first->now.at, &state->made, &verdict, err));
    if (verdict == FLUSS_VERDICT_KEEP)
        return SLU_OK;
    if (verdict == FLUSS_VERDICT_MADE) {
        SLU_TRY(put_keep_made(state, &new, err));
        return put_change(state, first, &new, err);
    }
    SLU_TRY(put_log(state, SLU_ROW_DELETE, &first->now, err));
    first->now.at.row = none;
    first->touched = true;
    state->row_delta--;
    return SLU_OK;
}

static slu_status
put_decide(put_state *state, slu_error *err)
{
    for (size_t i = 0; i < state->count; i++) {
        put_record *record = &state->records[i];
        put_record *first = &state->records[record->first];
        SLU_TRY(record->row.data != NULL ? put_upsert(state, first, record->row, err) : put_delete(state, first, err));
    }
    return SLU_OK;
}

/* ---- writing ---- */

static slu_status
put_append(put_state *state, fluss_appended *out, slu_error *err)
{
    fluss_kv_tablet *kv = state->kv;
    struct ArrowArray rows = {0};
    SLU_AUTO(slu_buf_fini) slu_buf batch = {0};
    slu_buf_init(&batch, KV_PUT_BYTES_MAX);
    fluss_log_spec spec = fluss_log_spec_of(&kv->table->table, fluss_tables_codec(kv->tables));
    spec.writer_id = state->header.writer_id;
    spec.sequence = state->header.sequence;
    SLU_TRY(fluss_rows_finish(kv->rows, &rows, err));
    slu_status status = SLU_OK;
    if (state->kind_count == 0)
        fluss_log_encode_empty(&spec, &batch);
    else
        status = fluss_log_encode(&spec, kv->rows_schema, &kv->table->table.arrow, &rows, NULL, (int64_t)state->kind_count,
                                  state->kinds, &batch, err);
    slu_array_release(&rows);
    SLU_TRY(status);
    SLU_TRY(slu_buf_status(&batch, err));
    return fluss_log_append(kv->log, slu_buf_view(&batch), out, err);
}

/* The schema id as it stands before a stored row. */
static slu_view
put_schema_id(const put_record *record, uint8_t bytes[2])
{
    bytes[0] = (uint8_t)record->now.schema_id;
    bytes[1] = (uint8_t)((uint16_t)record->now.schema_id >> 8);
    return slu_view_of(bytes, 2);
}

static slu_status
put_store(put_state *state, const fluss_appended *appended, slu_error *err)
{
    fluss_kv_tablet *kv = state->kv;
    uint8_t id[2];
    kv->stale = true; /* until the store has it: a failure on the way is put right by a replay */
    slu_kv_batch_reset(kv->batch);
    for (size_t i = 0; i < state->count; i++) {
        const put_record *record = &state->records[i];
        if (!record->touched)
            continue;
        if (record->now.at.row.data != NULL)
            slu_kv_batch_put_parts(kv->batch, record->key, put_schema_id(record, id), record->now.at.row);
        else
            slu_kv_batch_erase(kv->batch, record->key);
    }
    kv_mark_applied(kv, appended->next_offset, kv->row_count + state->row_delta);
    SLU_TRY(slu_kv_write(kv->store, kv->batch, err));
    kv->applied = appended->next_offset;
    kv->row_count += state->row_delta;
    kv->stale = false;
    return SLU_OK;
}

/* ---- all of it ---- */

/* The engine and the builders of the newest schema. */
static slu_status
put_ready(fluss_kv_tablet *kv, slu_error *err)
{
    const fluss_schema *newest = &kv->table->descriptor.schema;
    if (kv->merge == NULL)
        SLU_TRY(fluss_merge_new(&kv->table->descriptor, kv->table->table.kv_format, &kv->merge, err));
    if (kv->rows != NULL && kv->rows_schema == newest)
        return SLU_OK;
    fluss_rows_free(&kv->rows);
    SLU_TRY(fluss_rows_new(newest, &kv->rows, err));
    kv->rows_schema = newest;
    return SLU_OK;
}

/* Nobody asks for old rows where the engine does not, and nothing is deleted. */
static bool
put_is_blind(const put_state *state)
{
    bool blind = fluss_merge_blind(state->kv->merge);
    for (size_t i = 0; blind && i < state->count; i++)
        blind = state->records[i].row.data != NULL;
    return blind;
}

static slu_status
put_prepare(put_state *state, slu_error *err)
{
    fluss_kv_tablet *kv = state->kv;
    const slu_status status = state->put->keys != NULL ? put_read_keys(state, err) : put_read(state, err);
    if (status != SLU_OK)
        return status == SLU_CORRUPT || status == SLU_UNSUPPORTED ? slu_error_coded(err, status, KV_ERROR_CORRUPT_RECORD) : status;
    if (state->header.schema_id < 1 || state->header.schema_id > kv->table->row.schema_id)
        return slu_error_coded(err,
                               slu_error_set(err, SLU_INVALID, "Invalid schema id: %d, latest schema id: %" PRId32,
                                             state->header.schema_id, kv->table->row.schema_id),
                               KV_ERROR_SCHEMA_NOT_EXIST);
    SLU_TRY(kv_written_columns(kv, state->header.schema_id, &state->written_columns, err));
    SLU_TRY(put_ready(kv, err));
    SLU_TRY(fluss_merge_begin(kv->merge, state->put->target_columns, state->put->target_count, state->put->overwrite, err));
    SLU_TRY(put_link(state, err));
    state->blind = put_is_blind(state);
    return state->blind ? SLU_OK : put_load_old(state, err);
}

static slu_status
put_run(put_state *state, fluss_appended *out, slu_error *err)
{
    fluss_kv_tablet *kv = state->kv;
    SLU_TRY(put_prepare(state, err));
    const slu_status known = fluss_log_check_writer(kv->log, state->header.writer_id, state->header.sequence, out, err);
    if (known != SLU_OK)
        return known == SLU_CONFLICT ? SLU_OK : known;
    slu_status status = put_decide(state, err);
    if (status != SLU_OK) {
        fluss_rows_free(&kv->rows); /* half a changelog is in it */
        return status == SLU_CORRUPT ? slu_error_coded(err, status, KV_ERROR_CORRUPT_RECORD) : status;
    }
    status = put_append(state, out, err);
    if (status != SLU_OK) {
        kv->stale = fluss_log_end(kv->log) > kv->applied; /* it may have failed behind the append: in its sync, or in a snapshot */
        fluss_rows_free(&kv->rows);
        return status;
    }
    return put_store(state, out, err);
}

slu_status
fluss_kv_tablet_put(fluss_kv_tablet *kv, const fluss_kv_put *put, fluss_appended *out, slu_error *err)
{
    put_state state = {.kv = kv, .put = put};
    memset(out, 0, sizeof *out);
    slu_buf_init(&state.made, KV_PUT_BYTES_MAX);
    slu_arena_init(&state.rows, KV_PUT_BYTES_MAX);
    slu_status status = kv->stale ? kv_replay(kv, err) : SLU_OK;
    if (status == SLU_OK)
        status = put_run(&state, out, err);
    put_fini(&state);
    return status;
}
