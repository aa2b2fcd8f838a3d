#include "move_last.h"

#include "base/alloc.h"
#include "catalog/key_map.h"
#include "fluss/record/key.h"

#define LAST_KEYS_BYTES_MAX ((size_t)1 << 31) /* of one batch */
#define LAST_GONE (-1)                        /* deleted */

struct slu_last_rows {
    const fluss_table *table;
    cli_key_map *offsets; /* of the last row of each key */
    slu_buf keys;         /* of the batch at hand */
    uint32_t *ends;       /* where they lie in it: `room` of them and one */
    int32_t *selection;
    int64_t room;
};

slu_status
slu_last_rows_new(const fluss_table *table, slu_last_rows **out, slu_error *err)
{
    slu_last_rows *last = slu_alloc_zero(1, sizeof *last);
    if (last == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for keys");
    last->table = table;
    slu_buf_init(&last->keys, LAST_KEYS_BYTES_MAX);
    const slu_status status = cli_key_map_new(&last->offsets, err);
    if (status != SLU_OK)
        slu_last_rows_free(&last);
    *out = last;
    return status;
}

void
slu_last_rows_free(slu_last_rows **pointer)
{
    slu_last_rows *last = slu_take(pointer);
    if (last == NULL)
        return;
    cli_key_map_free(&last->offsets);
    slu_buf_fini(&last->keys);
    slu_free(last->ends);
    slu_free(last->selection);
    slu_free(last);
}

static slu_status
last_room(slu_last_rows *last, int64_t rows, slu_error *err)
{
    if (rows <= last->room)
        return SLU_OK;
    slu_free(last->ends);
    slu_free(last->selection);
    last->ends = slu_alloc((size_t)(rows + 1) * sizeof *last->ends);
    last->selection = slu_alloc((size_t)rows * sizeof *last->selection);
    last->room = last->ends != NULL && last->selection != NULL ? rows : 0;
    return last->room > 0 ? SLU_OK : slu_error_set(err, SLU_NOMEM, "no memory for %lld keys", (long long)rows);
}

static slu_status
last_keys(slu_last_rows *last, const struct ArrowArray *array, slu_error *err)
{
    SLU_TRY(last_room(last, array->length, err));
    slu_buf_reset(&last->keys);
    return array->length == 0
               ? SLU_OK
               : fluss_table_keys(last->table, &last->table->arrow, array, NULL, array->length, &last->keys, last->ends, err);
}

static slu_view
last_key(const slu_last_rows *last, int64_t row)
{
    return slu_view_of(last->keys.data + last->ends[row], last->ends[row + 1] - last->ends[row]);
}

static uint8_t
last_kind(const fluss_scan_batch *batch, int64_t row)
{
    return batch->kinds == NULL ? SLU_ROW_INSERT : batch->kinds[row];
}

slu_status
slu_last_rows_note(slu_last_rows *last, const fluss_scan_batch *batch, slu_error *err)
{
    SLU_TRY(last_keys(last, &batch->array, err));
    for (int64_t row = batch->first; row < batch->first + batch->count; row++) {
        const uint8_t kind = last_kind(batch, row);
        if (kind != SLU_ROW_UPDATE_BEFORE)
            SLU_TRY(cli_key_map_set(last->offsets, last_key(last, row),
                                    kind == SLU_ROW_DELETE ? LAST_GONE : batch->base_offset + row, err));
    }
    return SLU_OK;
}

slu_status
slu_last_rows_of_snapshot(slu_last_rows *last, const struct ArrowArray *array, const int32_t **out_selection, int64_t *out_count,
                          slu_error *err)
{
    int64_t offset = 0;
    int64_t count = 0;
    SLU_TRY(last_keys(last, array, err));
    for (int64_t row = 0; row < array->length; row++)
        if (!cli_key_map_get(last->offsets, last_key(last, row), &offset))
            last->selection[count++] = (int32_t)row;
    *out_selection = last->selection;
    *out_count = count;
    return SLU_OK;
}

slu_status
slu_last_rows_of_log(slu_last_rows *last, const fluss_scan_batch *batch, const int32_t **out_selection, int64_t *out_count,
                     slu_error *err)
{
    int64_t offset = 0;
    int64_t count = 0;
    SLU_TRY(last_keys(last, &batch->array, err));
    for (int64_t row = batch->first; row < batch->first + batch->count; row++)
        if (cli_key_map_get(last->offsets, last_key(last, row), &offset) && offset == batch->base_offset + row)
            last->selection[count++] = (int32_t)row;
    *out_selection = last->selection;
    *out_count = count;
    return SLU_OK;
}
