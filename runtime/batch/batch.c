#include "batch.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/sizes.h"

#include <stdatomic.h>
#include <stdlib.h>

/* One allocation holds the struct, then selection, kinds, attributes and their bytes. */
typedef struct batch {
    slu_batch shown; /* first, so that a slu_batch pointer is ours */
    _Atomic uint32_t references;
    slu_schema *schema;
    const slu_batch *base; /* of a selection; its array is shown, ours is released already */
    struct ArrowArray array;
} batch;

static int64_t
fixed_width_bits(const char *format)
{
    switch (format[0]) {
    case 'b': return 1;
    case 'c':
    case 'C': return 8;
    case 's':
    case 'S':
    case 'e': return 16;
    case 'i':
    case 'I':
    case 'f': return 32;
    case 'l':
    case 'L':
    case 'g': return 64;
    case 'd': return 128;
    case 'w': return 8 * strtoll(format + 2, NULL, 10);
    case 't':
        return (format[1] == 'd' && format[2] == 'D') || (format[1] == 't' && (format[2] == 's' || format[2] == 'm')) ? 32 : 64;
    default: return 0;
    }
}

int64_t
slu_array_bytes(const struct ArrowSchema *schema, const struct ArrowArray *array)
{
    const int64_t rows = array->length;
    int64_t bytes = array->n_buffers > 0 && array->buffers[0] != NULL ? (rows + 7) / 8 : 0;
    bytes += (rows * fixed_width_bits(schema->format) + 7) / 8;
    if ((schema->format[0] == 'u' || schema->format[0] == 'z') && array->n_buffers == 3 && array->buffers[1] != NULL) {
        const int32_t *offsets = (const int32_t *)array->buffers[1] + array->offset;
        bytes += 4 * (rows + 1) + (offsets[rows] - offsets[0]);
    }
    if (strcmp(schema->format, "+l") == 0 || strcmp(schema->format, "+m") == 0)
        bytes += 4 * (rows + 1);
    for (int64_t i = 0; i < array->n_children && i < schema->n_children; i++)
        bytes += slu_array_bytes(schema->children[i], array->children[i]);
    return bytes;
}

static size_t
attrs_bytes(const slu_attr *attrs, uint32_t count)
{
    size_t bytes = count * sizeof *attrs;
    for (uint32_t i = 0; i < count; i++)
        bytes += strlen(attrs[i].key) + 1 + (size_t)attrs[i].data_bytes;
    return bytes;
}

static uint8_t *
attrs_copy(uint8_t *to, const slu_attr *attrs, uint32_t count)
{
    slu_attr *copies = (slu_attr *)(void *)to;
    to += count * sizeof *attrs;
    for (uint32_t i = 0; i < count; i++) {
        const size_t key_bytes = strlen(attrs[i].key) + 1;
        copies[i].key = memcpy(to, attrs[i].key, key_bytes);
        to += key_bytes;
        copies[i].data = to;
        copies[i].data_bytes = attrs[i].data_bytes;
        if (attrs[i].data_bytes > 0)
            memcpy(to, attrs[i].data, (size_t)attrs[i].data_bytes);
        to += attrs[i].data_bytes;
    }
    return to;
}

/* Allocates the struct with copies of what the spec holds, in the order attributes (aligned), selection, kinds. */
static batch *
batch_alloc(const slu_batch_spec *spec, int64_t array_rows)
{
    const size_t attr_bytes = (attrs_bytes(spec->attrs, spec->attr_count) + 7) & ~(size_t)7;
    const size_t selection_bytes = spec->selection == NULL ? 0 : (size_t)spec->rows * sizeof *spec->selection;
    const size_t kind_bytes = spec->kinds == NULL ? 0 : (size_t)array_rows;
    batch *made = slu_alloc(sizeof *made + attr_bytes + selection_bytes + kind_bytes);
    if (made == NULL)
        return NULL;
    memset(made, 0, sizeof *made);
    uint8_t *at = (uint8_t *)(made + 1);
    atomic_init(&made->references, 1);
    made->shown.size = sizeof made->shown;
    if (spec->attr_count > 0) {
        made->shown.attrs = (const slu_attr *)(const void *)at;
        made->shown.attr_count = spec->attr_count;
        (void)attrs_copy(at, spec->attrs, spec->attr_count);
    }
    at += attr_bytes;
    if (spec->selection != NULL)
        made->shown.selection = memcpy(at, spec->selection, selection_bytes);
    at += selection_bytes;
    if (kind_bytes > 0)
        made->shown.kinds = memcpy(at, spec->kinds, kind_bytes);
    made->shown.rows = spec->selection == NULL ? array_rows : spec->rows;
    return made;
}

static slu_status
spec_check(const slu_batch_spec *spec, int64_t array_rows, slu_error *err)
{
    if (spec->attr_count > SLU_BATCH_ATTRS_MAX)
        return slu_error_set(err, SLU_LIMIT, "%u attributes on a batch; at most %d", spec->attr_count, SLU_BATCH_ATTRS_MAX);
    if (spec->selection == NULL)
        return SLU_OK;
    if (spec->rows < 0 || spec->rows > array_rows)
        return slu_error_set(err, SLU_INVALID, "a selection of %lld rows out of %lld", (long long)spec->rows,
                             (long long)array_rows);
    int64_t last = -1;
    for (int64_t i = 0; i < spec->rows; i++) {
        if (spec->selection[i] <= last || spec->selection[i] >= array_rows)
            return slu_error_set(err, SLU_INVALID, "selection[%lld] = %d is out of order or out of range", (long long)i,
                                 spec->selection[i]);
        last = spec->selection[i];
    }
    return SLU_OK;
}

static slu_status
array_check(const struct ArrowSchema *schema, const struct ArrowArray *array, slu_error *err)
{
    if (array->length < 0 || array->length > SLU_BATCH_ROWS_MAX || array->offset != 0)
        return slu_error_set(err, SLU_LIMIT, "a batch of %lld rows at offset %lld", (long long)array->length,
                             (long long)array->offset);
    if (array->n_children != schema->n_children)
        return slu_error_set(err, SLU_INVALID, "a batch of %lld columns under a schema of %lld", (long long)array->n_children,
                             (long long)schema->n_children);
    for (int64_t i = 0; i < array->n_children; i++)
        if (array->children[i]->length < array->length)
            return slu_error_set(err, SLU_INVALID, "column %s has %lld rows, the batch %lld", schema->children[i]->name,
                                 (long long)array->children[i]->length, (long long)array->length);
    return SLU_OK;
}

slu_status
slu_batch_new(slu_schema *schema, struct ArrowArray *array, const slu_batch_spec *spec, const slu_batch **out, slu_error *err)
{
    static const slu_batch_spec nothing;
    const slu_batch_spec *use = spec == NULL ? &nothing : spec;
    slu_status status = array_check(slu_schema_arrow(schema), array, err);
    if (status == SLU_OK)
        status = spec_check(use, array->length, err);
    batch *made = status == SLU_OK ? batch_alloc(use, array->length) : NULL;
    if (status == SLU_OK && made == NULL)
        status = slu_error_set(err, SLU_NOMEM, "no memory for a batch");
    if (status != SLU_OK) {
        slu_array_release(array);
        return status;
    }
    made->schema = slu_schema_ref(schema);
    made->array = *array;
    array->release = NULL;
    made->shown.schema = slu_schema_arrow(schema);
    made->shown.array = &made->array;
    made->shown.bytes = slu_array_bytes(made->shown.schema, &made->array);
    *out = &made->shown;
    return SLU_OK;
}

slu_status
slu_batch_select(const slu_batch *base, const slu_batch_spec *spec, const slu_batch **out, slu_error *err)
{
    slu_batch_spec use = *spec;
    if (use.selection == NULL) {
        use.selection = base->selection;
        use.rows = base->rows;
    } else {
        SLU_TRY(spec_check(spec, base->array->length, err));
    }
    if (use.kinds == NULL)
        use.kinds = base->kinds;
    if (use.attrs == NULL) {
        use.attrs = base->attrs;
        use.attr_count = base->attr_count;
    }
    batch *made = batch_alloc(&use, base->array->length);
    if (made == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a batch");
    made->schema = slu_schema_ref(slu_batch_schema(base));
    made->base = slu_batch_ref(base);
    made->shown.schema = base->schema;
    made->shown.array = base->array;
    made->shown.bytes = base->bytes;
    *out = &made->shown;
    return SLU_OK;
}

static batch *
batch_of(const slu_batch *shown)
{
    return (batch *)(uintptr_t)shown;
}

const slu_batch *
slu_batch_ref(const slu_batch *shown)
{
    atomic_fetch_add_explicit(&batch_of(shown)->references, 1, memory_order_relaxed);
    return shown;
}

void
slu_batch_unref(const slu_batch **shown)
{
    batch *mine = batch_of(slu_take(shown));
    if (mine == NULL)
        return;
    const uint32_t before = atomic_fetch_sub_explicit(&mine->references, 1, memory_order_acq_rel);
    SLU_ASSERT(before != 0);
    if (before != 1)
        return;
    slu_array_release(&mine->array);
    slu_batch_unref(&mine->base);
    slu_schema_unref(&mine->schema);
    slu_free(mine);
}

slu_schema *
slu_batch_schema(const slu_batch *shown)
{
    return batch_of(shown)->schema;
}

static void
picked_release(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++)
        if (array->children[i]->release != NULL)
            array->children[i]->release(array->children[i]);
    slu_free(array->private_data);
    array->release = NULL;
}

slu_status
slu_array_pick(struct ArrowArray *from, const int32_t *pick, uint32_t count, struct ArrowArray *out, slu_error *err)
{
    const size_t head = slu_size_align(sizeof(void *) + count * sizeof(struct ArrowArray *), 16);
    uint8_t *memory = slu_alloc(head + count * sizeof(struct ArrowArray));
    if (memory == NULL) {
        from->release(from);
        return slu_error_set(err, SLU_NOMEM, "no memory for a batch");
    }
    const void **buffers = (const void **)(void *)memory;
    struct ArrowArray **children = (struct ArrowArray **)(void *)(memory + sizeof(void *));
    struct ArrowArray *arrays = (struct ArrowArray *)(void *)(memory + head);
    buffers[0] = NULL;
    for (uint32_t i = 0; i < count; i++) {
        arrays[i] = *from->children[pick[i]];
        from->children[pick[i]]->release = NULL;
        children[i] = &arrays[i];
    }
    *out = (struct ArrowArray){.length = from->length,
                               .n_buffers = 1,
                               .buffers = buffers,
                               .n_children = count,
                               .children = children,
                               .release = picked_release,
                               .private_data = memory};
    from->release(from);
    return SLU_OK;
}
