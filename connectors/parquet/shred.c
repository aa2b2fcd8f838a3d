#include "shred.h"

#include <sluice/columns.h>

void
parquet_shred_init(parquet_shred *shred)
{
    memset(shred, 0, sizeof *shred);
    slu_buf *const wide[] = {&shred->at, &shred->next_at};
    slu_buf *const narrow[] = {&shred->defs, &shred->reps, &shred->next_defs, &shred->next_reps};
    for (size_t i = 0; i < 2; i++)
        slu_buf_init(wide[i], PARQUET_SHRED_ENTRIES_MAX * sizeof(int32_t));
    for (size_t i = 0; i < 4; i++)
        slu_buf_init(narrow[i], PARQUET_SHRED_ENTRIES_MAX);
}

void
parquet_shred_fini(parquet_shred *shred)
{
    slu_buf *const buffers[] = {&shred->at, &shred->next_at, &shred->defs, &shred->reps, &shred->next_defs, &shred->next_reps};
    for (size_t i = 0; i < 6; i++)
        slu_buf_fini(buffers[i]);
}

static int32_t *
shred_at(slu_buf *buf)
{
    return (int32_t *)(void *)buf->data;
}

static slu_status
shred_status(const parquet_shred *shred, slu_error *err)
{
    SLU_TRY(slu_buf_status(&shred->at, err));
    SLU_TRY(slu_buf_status(&shred->defs, err));
    SLU_TRY(slu_buf_status(&shred->reps, err));
    SLU_TRY(slu_buf_status(&shred->next_at, err));
    SLU_TRY(slu_buf_status(&shred->next_defs, err));
    return slu_buf_status(&shred->next_reps, err);
}

static slu_status
shred_begin(parquet_shred *shred, int64_t base, const int32_t *selection, int64_t from, size_t rows, slu_error *err)
{
    slu_buf_reset(&shred->at);
    slu_buf_reset(&shred->defs);
    slu_buf_reset(&shred->reps);
    int32_t *at = (int32_t *)(void *)slu_buf_extend(&shred->at, rows * sizeof *at);
    slu_buf_zero(&shred->defs, rows);
    slu_buf_zero(&shred->reps, rows);
    SLU_TRY(shred_status(shred, err));
    for (size_t i = 0; i < rows; i++)
        at[i] = (int32_t)(base + (selection != NULL ? (int64_t)selection[from + (int64_t)i] : from + (int64_t)i));
    shred->entries = rows;
    return SLU_OK;
}

/* Ends the path where the array has null; definition levels grow where it has not. */
static slu_status
shred_nulls(parquet_shred *shred, const parquet_step *step, const struct ArrowArray *array, slu_error *err)
{
    const uint8_t *validity = array->null_count == 0 ? NULL : array->buffers[0];
    int32_t *at = shred_at(&shred->at);
    uint8_t *defs = shred->defs.data;
    const uint8_t grow = !step->required;
    bool missing = false;
    for (size_t i = 0; i < shred->entries; i++) {
        if (at[i] < 0)
            continue;
        if (validity == NULL || slu_bit(validity, array->offset + at[i])) {
            defs[i] = (uint8_t)(defs[i] + grow);
        } else {
            missing |= step->required;
            at[i] = -1;
        }
    }
    return missing ? slu_error_set(err, SLU_INVALID, "column %s is required and a row has no value for it", step->name) : SLU_OK;
}

static void
shred_struct(parquet_shred *shred, const struct ArrowArray *array)
{
    int32_t *at = shred_at(&shred->at);
    const int32_t offset = (int32_t)array->offset;
    for (size_t i = 0; i < shred->entries && offset != 0; i++)
        at[i] += at[i] < 0 ? 0 : offset;
}

/* How many entries a list makes of those at hand; SIZE_MAX when its offsets are broken. */
static size_t
list_entries(const parquet_shred *shred, const struct ArrowArray *array, const int32_t *at)
{
    const int32_t *offsets = array->buffers[1];
    const int64_t items = array->children[0]->length;
    size_t count = 0;
    for (size_t i = 0; i < shred->entries; i++) {
        if (at[i] < 0) {
            count++;
            continue;
        }
        const int32_t *range = offsets + array->offset + at[i];
        if (range[0] < 0 || range[1] < range[0] || range[1] > items)
            return SIZE_MAX;
        count += range[1] == range[0] ? 1 : (size_t)(range[1] - range[0]);
    }
    return count;
}

static slu_status
list_room(parquet_shred *shred, const parquet_step *step, const struct ArrowArray *array, size_t *out, slu_error *err)
{
    const size_t count = list_entries(shred, array, shred_at(&shred->at));
    if (count == SIZE_MAX)
        return slu_error_set(err, SLU_INVALID, "column %s: Arrow offsets run backwards or past the items", step->name);
    if (count > PARQUET_SHRED_ENTRIES_MAX)
        return slu_error_set(err, SLU_LIMIT, "column %s: %zu items in one slice of rows", step->name, count);
    slu_buf_reset(&shred->next_at);
    slu_buf_reset(&shred->next_defs);
    slu_buf_reset(&shred->next_reps);
    (void)slu_buf_extend(&shred->next_at, count * sizeof(int32_t));
    (void)slu_buf_extend(&shred->next_defs, count);
    (void)slu_buf_extend(&shred->next_reps, count);
    *out = count;
    return shred_status(shred, err);
}

static void
shred_swap(slu_buf *a, slu_buf *b)
{
    const slu_buf swap = *a;
    *a = *b;
    *b = swap;
}

/* `rep`: of the list's own items. */
static slu_status
shred_list(parquet_shred *shred, const parquet_step *step, const struct ArrowArray *array, uint8_t rep, slu_error *err)
{
    size_t count = 0;
    SLU_TRY(list_room(shred, step, array, &count, err));
    const int32_t *offsets = (const int32_t *)array->buffers[1] + array->offset;
    const int32_t *at = shred_at(&shred->at);
    int32_t *to_at = shred_at(&shred->next_at);
    uint8_t *to_defs = shred->next_defs.data, *to_reps = shred->next_reps.data;
    size_t n = 0;
    for (size_t i = 0; i < shred->entries; i++) {
        const int32_t from = at[i] < 0 ? 0 : offsets[at[i]];
        const int32_t end = at[i] < 0 ? 0 : offsets[at[i] + 1];
        const uint8_t def = shred->defs.data[i];
        to_reps[n] = shred->reps.data[i];
        if (from == end) {
            to_at[n] = -1;
            to_defs[n++] = def;
            continue;
        }
        for (int32_t item = from; item < end; item++, n++) {
            to_at[n] = item;
            to_defs[n] = (uint8_t)(def + 1);
            if (item != from)
                to_reps[n] = rep;
        }
    }
    shred_swap(&shred->at, &shred->next_at);
    shred_swap(&shred->defs, &shred->next_defs);
    shred_swap(&shred->reps, &shred->next_reps);
    shred->entries = count;
    return SLU_OK;
}

/* Of the positions only those of values stay. */
static void
shred_values(parquet_shred *shred)
{
    int32_t *at = shred_at(&shred->at);
    size_t count = 0;
    for (size_t i = 0; i < shred->entries; i++) {
        at[count] = at[i];
        count += at[i] >= 0;
    }
    shred->values = count;
}

slu_status
parquet_shred_rows(parquet_shred *shred, const parquet_leaf *leaf, const struct ArrowArray *array, int64_t base,
                   const int32_t *selection, int64_t from, size_t rows, slu_error *err)
{
    uint8_t rep = 0;
    if (base + array->length > INT32_MAX)
        return slu_error_set(err, SLU_LIMIT, "column %s: an Arrow array of %lld rows", leaf->column.name, (long long)array->length);
    SLU_TRY(shred_begin(shred, base, selection, from, rows, err));
    for (size_t i = 0; i < leaf->step_count; i++) {
        const parquet_step *step = &leaf->steps[i];
        SLU_TRY(shred_nulls(shred, step, array, err));
        if (i + 1 == leaf->step_count)
            break;
        if (step->kind == PARQUET_KIND_LIST)
            SLU_TRY(shred_list(shred, step, array, ++rep, err));
        else
            shred_struct(shred, array);
        array = array->children[step->child];
    }
    shred->leaf = array;
    shred_values(shred);
    return SLU_OK;
}
