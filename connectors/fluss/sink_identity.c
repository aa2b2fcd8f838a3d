/* sink_identity.c: what makes a row of a log table recognisable, and a place for it where the table has no bucket key. */
#include "sink.h"

#include "fluss/record/key.h"

#define IDENTITY_BYTES_MAX ((size_t)1 << 24)

slu_status
sink_identity_init(sink_identity *identity, const fluss_face *face, const slu_value *list, slu_error *err)
{
    const fluss_table *table = fluss_target_table(face->target);
    identity->count = 0;
    if (list == NULL)
        return SLU_OK;
    if (table->key_column_count != 0)
        return slu_error_at(err, SLU_INVALID, list, 0,
                            "identity is for log tables; table %s.%s has a primary key, which does its work", face->database,
                            face->table);
    if (list->count == 0 || list->count > SINK_IDENTITY_MAX)
        return slu_error_at(err, SLU_INVALID, list, 0, "identity names %u columns; 1 to %d are possible", list->count,
                            SINK_IDENTITY_MAX);
    for (uint32_t i = 0; i < list->count; i++) {
        SLU_TRY(face_column(face, list->items[i].text, &list->items[i], &identity->columns[i], err));
        identity->types[i] = &table->descriptor->schema.columns[identity->columns[i]].type;
    }
    slu_buf_init(&identity->key, IDENTITY_BYTES_MAX);
    identity->count = list->count;
    return SLU_OK;
}

void
sink_identity_fini(sink_identity *identity)
{
    slu_buf_fini(&identity->key);
    identity->count = 0;
}

slu_status
sink_identity_of(sink_identity *identity, const slu_column *columns, int64_t row, slu_error *err)
{
    slu_buf_reset(&identity->key);
    return fluss_key_encode(FLUSS_KEY_COMPACTED, identity->types, columns, identity->count, row, &identity->key, err);
}

slu_status
sink_identity_buckets(sink_identity *identity, const fluss_table *table, const struct ArrowArray *array, const int32_t *selection,
                      int64_t rows, int32_t *out_buckets, slu_error *err)
{
    slu_column columns[SINK_IDENTITY_MAX];
    for (size_t i = 0; i < identity->count; i++)
        columns[i] = slu_column_child(&table->arrow, array, identity->columns[i]);
    for (int64_t i = 0; i < rows; i++) {
        SLU_TRY(sink_identity_of(identity, columns, selection == NULL ? i : selection[i], err));
        out_buckets[i] = fluss_bucket_of(FLUSS_BUCKET_FLUSS, slu_buf_view(&identity->key), table->bucket_count);
    }
    return SLU_OK;
}
