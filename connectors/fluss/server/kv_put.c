/* kv_put.c: one kv batch becomes changes, a log batch, and rows; see kv_tablet.h. */
#include "base/alloc.h"
#include "base/hash.h"
#include "base/sizes.h"
#include "fluss/server/kv_merge.h"
#include "fluss/server/kv_tablet_internal.h"
#include "fluss/server/row_splice.h"

#include <inttypes.h>
#include <sluice/arrow.h>
#include <strings.h>

#define PUT_NONE SIZE_MAX

/* A row's value as it is now, in one of the two buffers of a put. */
typedef struct put_value {
    bool there;
    size_t at; /* in put.values */
    size_t bytes;
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
    slu_buf values; /* old values as read, then new ones; places are offsets, since it grows */
    uint8_t *kinds; /* of the changelog rows: at most two per record */
    size_t kind_count;
    int64_t row_delta;
    size_t written_columns;
    fluss_merge merge;
} put_state;

static void
put_fini(put_state *state)
{
    slu_free(state->records);
    slu_free(state->slots);
    slu_free(state->kinds);
    slu_buf_fini(&state->values);
}

/* ---- reading the batch ---- */

static slu_status
put_read(put_state *state, slu_error *err)
{
    fluss_kv_reader reader;
    SLU_TRY(fluss_kv_reader_init(&reader, state->put->batch, err));
    state->header = reader.header;
    state->count = (size_t)reader.header.record_count;
    state->records = slu_alloc_zero(state->count + 1, sizeof *state->records);
    state->kinds = slu_alloc_zero(2 * state->count + 1, 1);
    if (state->records == NULL || state->kinds == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a kv batch of %zu records", state->count);
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

/* The state of every key before the batch. */
static slu_status
put_load_old(put_state *state, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf memory = {0};
    slu_buf_init(&memory, KV_PUT_BYTES_MAX);
    slu_view *keys = (slu_view *)(void *)slu_buf_extend(&memory, state->count * (sizeof(slu_view) + sizeof(slu_kv_slot)));
    SLU_TRY(slu_buf_status(&memory, err));
    slu_kv_slot *slots = (slu_kv_slot *)(void *)(keys + state->count);
    for (size_t i = 0; i < state->count; i++)
        keys[i] = state->records[i].key;
    SLU_TRY(slu_kv_get_many(state->kv->store, keys, state->count, &state->values, slots, err));
    for (size_t i = 0; i < state->count; i++) {
        const put_value now = {slots[i].found, slots[i].at, slots[i].bytes};
        state->records[i].now = now;
    }
    return SLU_OK;
}

/* ---- deciding ---- */

static slu_view
put_view(const put_state *state, put_value value)
{
    return slu_view_of(state->values.data + value.at, value.bytes);
}

/* One row of the changelog, out of a stored value. */
static slu_status
put_log(put_state *state, uint8_t kind, put_value value, slu_error *err)
{
    int16_t schema_id = 0;
    slu_view row;
    size_t columns = 0;
    SLU_TRY(fluss_value_split(put_view(state, value), &schema_id, &row, err));
    SLU_TRY(kv_written_columns(state->kv, schema_id, &columns, err));
    SLU_TRY(fluss_rows_append(state->kv->rows, state->kv->table->table.kv_format, row, columns, err));
    state->kinds[state->kind_count++] = kind;
    return SLU_OK;
}

static slu_status
put_new_value(put_state *state, int16_t schema_id, slu_view row, put_value *out, slu_error *err)
{
    out->there = true;
    out->at = state->values.bytes;
    slu_buf_u16le(&state->values, (uint16_t)schema_id);
    slu_buf_append(&state->values, row.data, row.bytes);
    out->bytes = state->values.bytes - out->at;
    return slu_buf_status(&state->values, err);
}

/* Targeted columns of `from` (NULL: set to null) over what is there. */
static slu_status
put_splice(put_state *state, const put_value *old, slu_view from, put_value *out, bool *out_empty, slu_error *err)
{
    int16_t schema_id = state->header.schema_id;
    slu_view old_row = {0};
    size_t old_columns = 0;
    const fluss_schema *schema = &state->kv->table->descriptor.schema;
    SLU_AUTO(slu_buf_fini) slu_buf row = {0};
    slu_buf_init(&row, KV_PUT_BYTES_MAX);
    if (old->there) {
        SLU_TRY(fluss_value_split(put_view(state, *old), &schema_id, &old_row, err));
        SLU_TRY(kv_written_columns(state->kv, schema_id, &old_columns, err));
    }
    const fluss_splice splice = {schema,
                                 {old_row, old_columns},
                                 {from, from.data == NULL ? 0 : state->written_columns},
                                 state->put->target_columns,
                                 state->put->target_count};
    SLU_TRY(fluss_row_splice(&splice, &row, out_empty, err));
    return put_new_value(state, (int16_t)state->kv->table->row.schema_id, slu_buf_view(&row), out, err);
}

/* The row of a key is another one now. */
static slu_status
put_change(put_state *state, put_record *first, const put_value *new, slu_error *err)
{
    if (!state->merge.wal_image)
        SLU_TRY(put_log(state, SLU_ROW_UPDATE_BEFORE, first->now, err));
    SLU_TRY(put_log(state, SLU_ROW_UPDATE_AFTER, *new, err));
    first->now = *new;
    first->touched = true;
    return SLU_OK;
}

static slu_status
put_insert(put_state *state, put_record *first, const put_value *new, slu_error *err)
{
    /* With the WAL image Fluss does not look for the old row of a whole one, and so cannot call it an insert. */
    const bool unseen = state->merge.wal_image && state->merge.engine == FLUSS_MERGE_NONE && state->put->target_count == 0;
    SLU_TRY(put_log(state, unseen ? SLU_ROW_UPDATE_AFTER : SLU_ROW_INSERT, *new, err));
    state->row_delta++;
    first->now = *new;
    first->touched = true;
    return SLU_OK;
}

/* Does the merge engine let this row take the old one's place? */
static slu_status
put_asks_engine(put_state *state, const put_record *first, slu_view row, bool *out, slu_error *err)
{
    int16_t schema_id = 0;
    fluss_splice_row old_row = {0};
    const fluss_splice_row new_row = {row, state->written_columns};
    *out = true;
    if (state->merge.engine == FLUSS_MERGE_NONE || state->put->overwrite)
        return SLU_OK;
    SLU_TRY(fluss_value_split(put_view(state, first->now), &schema_id, &old_row.row, err));
    SLU_TRY(kv_written_columns(state->kv, schema_id, &old_row.columns, err));
    return fluss_merge_replaces(&state->merge, &old_row, &new_row, out, err);
}

static slu_status
put_upsert(put_state *state, put_record *first, slu_view row, slu_error *err)
{
    put_value new = {0};
    bool flag = true;
    if (first->now.there)
        SLU_TRY(put_asks_engine(state, first, row, &flag, err));
    if (!flag)
        return SLU_OK;
    if (state->put->target_count != 0)
        SLU_TRY(put_splice(state, &first->now, row, &new, &flag, err));
    else
        SLU_TRY(put_new_value(state, state->header.schema_id, row, &new, err));
    return first->now.there ? put_change(state, first, &new, err) : put_insert(state, first, &new, err);
}

static slu_status
put_remove(put_state *state, put_record *first, slu_error *err)
{
    SLU_TRY(put_log(state, SLU_ROW_DELETE, first->now, err));
    first->now.there = false;
    first->touched = true;
    state->row_delta--;
    return SLU_OK;
}

/* A delete of some columns sets them to null; when no other column is left, the row goes. */
static slu_status
put_delete_columns(put_state *state, put_record *first, slu_error *err)
{
    const slu_view nothing = {0};
    put_value new = {0};
    bool empty = false;
    SLU_TRY(put_splice(state, &first->now, nothing, &new, &empty, err));
    if (empty)
        return put_remove(state, first, err);
    return put_change(state, first, &new, err);
}

static slu_status
put_delete(put_state *state, put_record *first, slu_error *err)
{
    const char *behavior = fluss_descriptor_get(&state->kv->table->descriptor, "table.delete.behavior");
    if (behavior != NULL && strcasecmp(behavior, "DISABLE") == 0)
        return kv_fail(err,
                       slu_error_set(err, SLU_INVALID,
                                     "Delete operations are disabled for this table. The table.delete.behavior is set to "
                                     "'disable'."),
                       KV_ERROR_DELETION_DISABLED);
    if (!first->now.there || (behavior != NULL && strcasecmp(behavior, "IGNORE") == 0))
        return SLU_OK;
    return state->put->target_count != 0 ? put_delete_columns(state, first, err) : put_remove(state, first, err);
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
    fluss_log_spec spec = fluss_log_spec_of(&kv->table->table, kv->codec);
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
    SLU_TRY(fluss_log_append(kv->log, slu_buf_view(&batch), out, err));
    return fluss_log_sync(kv->log, err);
}

static slu_status
put_store(put_state *state, const fluss_appended *appended, slu_error *err)
{
    fluss_kv_tablet *kv = state->kv;
    kv->stale = true; /* until the store has it: a failure on the way is put right by a replay */
    slu_kv_batch_reset(kv->batch);
    for (size_t i = 0; i < state->count; i++) {
        const put_record *record = &state->records[i];
        if (!record->touched)
            continue;
        if (record->now.there)
            slu_kv_batch_put(kv->batch, record->key, put_view(state, record->now));
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

static slu_status
put_check_targets(const put_state *state, slu_error *err)
{
    const fluss_kv_put *put = state->put;
    const fluss_schema *schema = &state->kv->table->descriptor.schema;
    if (put->target_count == 0)
        return SLU_OK;
    if (state->merge.engine != FLUSS_MERGE_NONE)
        return kv_fail(err,
                       slu_error_set(err, SLU_INVALID,
                                     "Partial update is not supported for tables with a first_row or versioned merge engine"),
                       KV_ERROR_INVALID_TARGET_COLUMN);
    if (state->kv->table->table.kv_format != FLUSS_ROW_COMPACTED)
        return kv_fail(err,
                       slu_error_set(err, SLU_UNSUPPORTED,
                                     "partial updates of tables with table.kv.format INDEXED are not served by this "
                                     "server yet"),
                       2);
    for (size_t i = 0; i < put->target_count; i++)
        if (put->target_columns[i] < 0 || (size_t)put->target_columns[i] >= schema->column_count)
            return kv_fail(err, slu_error_set(err, SLU_INVALID, "target column %" PRId32 " does not exist", put->target_columns[i]),
                           KV_ERROR_INVALID_TARGET_COLUMN);
    for (size_t c = 0; c < schema->column_count; c++) {
        bool key = false;
        bool targeted = false;
        for (size_t k = 0; k < schema->primary_key_count; k++)
            key = key || schema->primary_key[k] == (int32_t)c;
        for (size_t i = 0; i < put->target_count; i++)
            targeted = targeted || put->target_columns[i] == (int32_t)c;
        if (key && !targeted)
            return kv_fail(err,
                           slu_error_set(err, SLU_INVALID,
                                         "The target write columns must contain the primary key columns, but '%s' is "
                                         "missing.",
                                         schema->columns[c].name),
                           KV_ERROR_INVALID_TARGET_COLUMN);
        if (!key && !schema->columns[c].type.nullable)
            return kv_fail(err,
                           slu_error_set(err, SLU_INVALID,
                                         "Partial Update requires all columns except primary key to be nullable, but column "
                                         "%s is NOT NULL.",
                                         schema->columns[c].name),
                           KV_ERROR_INVALID_TARGET_COLUMN);
    }
    return SLU_OK;
}

static slu_status
put_prepare(put_state *state, slu_error *err)
{
    fluss_kv_tablet *kv = state->kv;
    const fluss_schema *newest = &kv->table->descriptor.schema;
    const slu_status status = put_read(state, err);
    if (status != SLU_OK)
        return status == SLU_NOMEM ? status : kv_fail(err, status, KV_ERROR_CORRUPT_RECORD);
    if (state->header.schema_id < 1 || state->header.schema_id > kv->table->row.schema_id)
        return kv_fail(err,
                       slu_error_set(err, SLU_INVALID, "Invalid schema id: %d, latest schema id: %" PRId32, state->header.schema_id,
                                     kv->table->row.schema_id),
                       KV_ERROR_SCHEMA_NOT_EXIST);
    SLU_TRY(kv_written_columns(kv, state->header.schema_id, &state->written_columns, err));
    SLU_TRY(fluss_merge_init(&state->merge, &kv->table->descriptor, err));
    SLU_TRY(put_check_targets(state, err));
    if (kv->rows == NULL || kv->rows_schema != newest) {
        fluss_rows_free(&kv->rows);
        SLU_TRY(fluss_rows_new(newest, &kv->rows, err));
        kv->rows_schema = newest;
    }
    SLU_TRY(put_link(state, err));
    return put_load_old(state, err);
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
        return status == SLU_CORRUPT ? kv_fail(err, status, KV_ERROR_CORRUPT_RECORD) : status;
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
    slu_buf_init(&state.values, KV_PUT_BYTES_MAX);
    slu_status status = kv->stale ? kv_replay(kv, err) : SLU_OK;
    if (status == SLU_OK)
        status = put_run(&state, out, err);
    put_fini(&state);
    return status;
}
