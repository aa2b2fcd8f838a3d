/* writer.c: rows become batches, which wait in their buckets; writer_send.c has what becomes of them. */
#include "writer_internal.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "fluss/record/kv_batch.h"
#include "fluss/record/log_batch.h"

#define BATCH_BYTES_MAX ((size_t)64 << 20)

/* Room for the bucket numbers up to this one: a partitioned table gets more of them while it is written. */
static slu_status
buckets_reserve(fluss_writer *writer, int32_t bucket, slu_error *err)
{
    if (bucket < 0 || bucket >= fluss_target_bucket_numbers(writer->target))
        return slu_error_set(err, SLU_INVALID, "table %s has no bucket %d", fluss_target_name(writer->target), bucket);
    if (bucket < writer->bucket_count)
        return SLU_OK;
    const int32_t count = fluss_target_bucket_numbers(writer->target);
    bucket_write *buckets = slu_realloc(writer->buckets, (size_t)count * sizeof *buckets);
    if (buckets == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %d buckets", count);
    for (int32_t i = writer->bucket_count; i < count; i++)
        buckets[i] = (bucket_write){.writer_id = -1};
    writer->buckets = buckets;
    writer->bucket_count = count;
    return SLU_OK;
}

/* A table that numbers its rows takes no whole ones: every column but that is written. */
static slu_status
writer_leave_number(fluss_writer *writer, const fluss_schema *schema, slu_error *err)
{
    const int32_t numbered = fluss_schema_find(schema, schema->auto_increment_column);
    writer->own_targets = slu_alloc((schema->column_count + 1) * sizeof *writer->own_targets);
    if (writer->own_targets == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a writer");
    writer->options.target_columns = writer->own_targets;
    for (int32_t c = 0; (size_t)c < schema->column_count; c++)
        if (c != numbered)
            writer->own_targets[writer->options.target_column_count++] = c;
    return SLU_OK;
}

slu_status
fluss_writer_open(fluss_target *target, const fluss_writer_options *options, fluss_writer **out, slu_error *err)
{
    const fluss_table *table = fluss_target_table(target);
    fluss_writer *writer = slu_alloc_zero(1, sizeof *writer);
    if (writer == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a writer");
    writer->target = target;
    if (options != NULL)
        writer->options = *options;
    writer->kv = table->key_column_count > 0;
    writer->writer_id = -1;
    slu_status status = fluss_target_partitioned(target) ? SLU_OK : buckets_reserve(writer, table->bucket_count - 1, err);
    if (status == SLU_OK && writer->options.target_column_count == 0 && table->descriptor->schema.auto_increment_column != NULL)
        status = writer_leave_number(writer, &table->descriptor->schema, err);
    if (status == SLU_OK)
        status = slu_ipc_codec_new(&writer->codec, err);
    if (status == SLU_OK)
        status = slu_timer_open(fluss_target_client(target)->loop, writer_timer_fired, writer, &writer->timer, err);
    if (status != SLU_OK) {
        fluss_writer_close(&writer);
        return status;
    }
    writer_id_ask(writer);
    *out = writer;
    return SLU_OK;
}

void
fluss_writer_close(fluss_writer **writer)
{
    fluss_writer *mine = slu_take(writer);
    if (mine == NULL)
        return;
    fluss_call_cancel(&mine->init_call);
    while (mine->flights != NULL) {
        flight *at = mine->flights;
        mine->flights = at->next;
        fluss_call_cancel(&at->call);
        slu_free(at);
    }
    for (int32_t bucket = 0; mine->buckets != NULL && bucket < mine->bucket_count; bucket++)
        while (mine->buckets[bucket].first != NULL) {
            batch *gone = mine->buckets[bucket].first;
            mine->buckets[bucket].first = gone->next;
            writer_batch_free(gone);
        }
    slu_timer_close(&mine->timer);
    slu_ipc_codec_free(&mine->codec);
    slu_free(mine->buckets);
    slu_free(mine->own_targets);
    slu_free(mine);
}

slu_status
fluss_writer_resume(fluss_writer *writer, int32_t bucket, int64_t writer_id, int32_t next_sequence, slu_error *err)
{
    SLU_TRY(buckets_reserve(writer, bucket, err));
    if (writer->buckets[bucket].first != NULL || writer_id < 0 || next_sequence < 0)
        return slu_error_set(err, SLU_INVALID, "table %s: bucket %d cannot go on as writer %lld at batch %d",
                             fluss_target_name(writer->target), bucket, (long long)writer_id, next_sequence);
    writer->buckets[bucket].writer_id = writer_id;
    writer->buckets[bucket].next_sequence = next_sequence;
    return SLU_OK;
}

slu_status
fluss_writer_poll(const fluss_writer *writer, slu_error *err)
{
    if (writer->failure.status != SLU_OK) {
        if (err != NULL)
            *err = writer->failure;
        return writer->failure.status;
    }
    SLU_TRY(fluss_target_poll(writer->target, err));
    return writer->writer_id < 0 ? SLU_AGAIN : SLU_OK;
}

static slu_status
batch_encode(fluss_writer *writer, int32_t bucket, const struct ArrowSchema *schema, const fluss_piece *pieces, size_t count,
             batch *out, slu_error *err)
{
    const fluss_table *table = fluss_target_table(writer->target);
    fluss_log_header header;
    if (writer->kv)
        return fluss_kv_encode_pieces(table, schema, pieces, count, out->writer_id, out->sequence, &out->bytes, err);
    fluss_log_spec spec = fluss_log_spec_of(table, writer->codec);
    spec.writer_id = out->writer_id;
    spec.sequence = out->sequence;
    SLU_TRY_IN(fluss_log_encode_pieces(&spec, &table->descriptor->schema, &table->arrow, pieces, count, &out->bytes, err), err,
               "table %s, bucket %d", fluss_target_name(writer->target), bucket);
    SLU_TRY(fluss_log_peek(slu_buf_view(&out->bytes), &header, err));
    out->crc = header.crc;
    return SLU_OK;
}

slu_status
fluss_writer_write(fluss_writer *writer, int32_t bucket, const struct ArrowSchema *schema, const struct ArrowArray *array,
                   const int32_t *selection, int64_t rows, const uint8_t *kinds, slu_error *err)
{
    const fluss_piece piece = {array, selection, rows, kinds};
    return fluss_writer_write_pieces(writer, bucket, schema, &piece, 1, err);
}

slu_status
fluss_writer_write_pieces(fluss_writer *writer, int32_t bucket, const struct ArrowSchema *schema, const fluss_piece *pieces,
                          size_t count, slu_error *err)
{
    int64_t rows = 0;
    for (size_t i = 0; i < count; i++)
        rows += pieces[i].rows;
    SLU_TRY(buckets_reserve(writer, bucket, err));
    SLU_TRY(fluss_writer_poll(writer, err));
    if (writer->bytes >= FLUSS_WRITER_BYTES_MAX)
        return SLU_AGAIN;
    if (rows == 0)
        return SLU_OK;
    bucket_write *of = &writer->buckets[bucket];
    batch *made = slu_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a batch");
    slu_buf_init(&made->bytes, BATCH_BYTES_MAX);
    if (of->writer_id < 0)
        of->writer_id = writer->writer_id;
    made->writer_id = of->writer_id;
    made->sequence = of->next_sequence;
    made->rows = rows;
    made->deadline_ms = writer->options.delivery_timeout_ms == 0
                            ? INT64_MAX
                            : slu_now_ms(fluss_target_client(writer->target)->env) + writer->options.delivery_timeout_ms;
    const slu_status status = batch_encode(writer, bucket, schema, pieces, count, made, err);
    if (status != SLU_OK) {
        writer_batch_free(made);
        return status;
    }
    of->next_sequence = of->next_sequence == INT32_MAX ? 0 : of->next_sequence + 1;
    if (of->last != NULL)
        of->last->next = made;
    else
        of->first = made;
    of->last = made;
    writer->pending++;
    writer->bytes += made->bytes.bytes;
    writer_send(writer);
    return SLU_OK;
}

uint32_t
fluss_writer_pending(const fluss_writer *writer)
{
    return writer->pending;
}

slu_status
fluss_writer_wait(fluss_writer *writer, int64_t timeout_ms, slu_error *err)
{
    const slu_env *env = fluss_target_client(writer->target)->env;
    const int64_t deadline_ms = slu_now_ms(env) + timeout_ms;
    for (;;) {
        const slu_status status = fluss_writer_poll(writer, err);
        if (status < 0 || (status == SLU_OK && writer->pending == 0))
            return status;
        if (slu_now_ms(env) >= deadline_ms) {
            (void)slu_error_set(err, SLU_TIMEOUT, "table %s: %u batches not acknowledged within %lld ms",
                                fluss_target_name(writer->target), writer->pending, (long long)timeout_ms);
            writer_retried_add(writer, err);
            return SLU_TIMEOUT;
        }
        SLU_TRY(fluss_client_stop_check(fluss_target_client(writer->target), err));
        fluss_client_step(fluss_target_client(writer->target), FLUSS_STALE_PAUSE_MS);
    }
}

void
fluss_writer_position(const fluss_writer *writer, int32_t bucket, int64_t *out_writer_id, int32_t *out_next_sequence)
{
    static const bucket_write none = {.writer_id = -1};
    const bucket_write *of = bucket < writer->bucket_count ? &writer->buckets[bucket] : &none;
    *out_writer_id = of->writer_id < 0 ? writer->writer_id : of->writer_id;
    *out_next_sequence = of->next_sequence;
}

int64_t
fluss_writer_id(const fluss_writer *writer)
{
    return writer->writer_id;
}
