#include <sluice/sdk/columns_build.h>

#include <stdatomic.h>

#define RUN_BYTES_FIRST 512
#define ALIGNMENT 64

/* ---- Memory ----------------------------------------------------------------------------------------------------------------- */

static void *
memory_malloc(void *context, size_t bytes)
{
    (void)context;
    return aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

static void
memory_free(void *context, void *memory, size_t bytes)
{
    (void)context;
    (void)bytes;
    free(memory);
}

static sdk_memory
memory_or_default(const sdk_memory *memory)
{
    const sdk_memory fallback = {NULL, memory_malloc, memory_free};
    return memory != NULL && memory->alloc != NULL ? *memory : fallback;
}

/* ---- Runs ------------------------------------------------------------------------------------------------------------------- */

static void
run_fini(sdk_run *run, const sdk_memory *memory)
{
    if (run->data != NULL)
        memory->free(memory->context, run->data, run->capacity);
    memset(run, 0, sizeof *run);
}

/* Makes room for `bytes` more, at least doubling so that growth is amortised. */
static bool
run_reserve(sdk_run *run, const sdk_memory *memory, size_t bytes)
{
    if (run->capacity - run->bytes >= bytes)
        return true;
    size_t capacity = run->capacity != 0 ? run->capacity * 2 : RUN_BYTES_FIRST;
    if (capacity - run->bytes < bytes)
        capacity = (run->bytes + bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    uint8_t *data = memory->alloc(memory->context, capacity);
    if (data == NULL)
        return false;
    if (run->bytes != 0)
        memcpy(data, run->data, run->bytes);
    if (run->data != NULL)
        memory->free(memory->context, run->data, run->capacity);
    run->data = data;
    run->capacity = capacity;
    return true;
}

/* ---- Arrays that own their memory ------------------------------------------------------------------------------------------- */

/* Everything that a finished array owns besides its children. */
typedef struct owned_array {
    const void *buffers[3];
    size_t buffer_bytes[3];
    sdk_memory memory;
} owned_array;

static void
array_release_children(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++) {
        if (array->children[i] != NULL)
            slu_array_release(array->children[i]);
        free(array->children[i]);
    }
    free(array->children);
}

static void
array_release_owned(struct ArrowArray *array)
{
    owned_array *owned = array->private_data;
    for (int i = 0; i < 3; i++)
        if (owned->buffers[i] != NULL)
            owned->memory.free(owned->memory.context, (void *)(uintptr_t)owned->buffers[i], owned->buffer_bytes[i]);
    array_release_children(array);
    free(owned);
    memset(array, 0, sizeof *array);
}

static slu_status
array_init_owned(struct ArrowArray *out, const sdk_memory *memory, int64_t n_buffers, int64_t rows, int64_t nulls)
{
    memset(out, 0, sizeof *out);
    owned_array *owned = calloc(1, sizeof *owned);
    if (owned == NULL)
        return SLU_NOMEM;
    owned->memory = *memory;
    out->length = rows;
    out->null_count = nulls;
    out->n_buffers = n_buffers;
    out->buffers = owned->buffers;
    out->private_data = owned;
    out->release = array_release_owned;
    return SLU_OK;
}

static void
array_take_run(struct ArrowArray *array, int index, sdk_run *run)
{
    owned_array *owned = array->private_data;
    owned->buffers[index] = run->data;
    owned->buffer_bytes[index] = run->capacity;
    memset(run, 0, sizeof *run);
}

/* Room for `count` children, each a zeroed (released) array. */
static slu_status
array_init_children(struct ArrowArray *array, int64_t count)
{
    array->children = calloc(count != 0 ? (size_t)count : 1, sizeof *array->children);
    if (array->children == NULL)
        return SLU_NOMEM;
    for (; array->n_children < count; array->n_children++) {
        array->children[array->n_children] = calloc(1, sizeof **array->children);
        if (array->children[array->n_children] == NULL)
            return SLU_NOMEM;
    }
    return SLU_OK;
}

/* ---- The builder ------------------------------------------------------------------------------------------------------------ */

slu_status
sdk_builder_init(sdk_builder *builder, const char *format, const sdk_memory *memory)
{
    memset(builder, 0, sizeof *builder);
    builder->type = slu_type_of(format);
    builder->memory = memory_or_default(memory);
    return builder->type.id == SLU_TYPE_OTHER || slu_type_is_nested(builder->type) ? SLU_INVALID : SLU_OK;
}

void
sdk_builder_fini(sdk_builder *builder)
{
    run_fini(&builder->validity, &builder->memory);
    run_fini(&builder->values, &builder->memory);
    run_fini(&builder->data, &builder->memory);
    builder->rows = 0;
    builder->nulls = 0;
    builder->failed = SLU_OK;
}

static bool
builder_fail(sdk_builder *builder, slu_status status)
{
    if (builder->failed == SLU_OK)
        builder->failed = status;
    return false;
}

static bool
builder_room(sdk_builder *builder, sdk_run *run, size_t bytes)
{
    if (builder->failed != SLU_OK)
        return false;
    if (!run_reserve(run, &builder->memory, bytes))
        return builder_fail(builder, SLU_NOMEM);
    return true;
}

/* Grows a bitmap to hold `rows` bits; new bytes are `fill`. */
static bool
builder_bits(sdk_builder *builder, sdk_run *run, int64_t rows, int fill)
{
    const size_t want = (size_t)((rows + 7) >> 3);
    if (run->bytes >= want)
        return builder->failed == SLU_OK;
    if (!builder_room(builder, run, want - run->bytes))
        return false;
    memset(run->data + run->bytes, fill, want - run->bytes);
    run->bytes = want;
    return true;
}

/* Offsets start with a zero before the first row. */
static bool
builder_offset_first(sdk_builder *builder)
{
    if (builder->values.bytes != 0)
        return builder->failed == SLU_OK;
    if (!builder_room(builder, &builder->values, sizeof(int32_t)))
        return false;
    memset(builder->values.data, 0, sizeof(int32_t));
    builder->values.bytes = sizeof(int32_t);
    return true;
}

void
sdk_builder_reserve(sdk_builder *builder, int64_t rows, int64_t bytes)
{
    const int64_t width = slu_type_is_varlen(builder->type) ? 4 : builder->type.width_bytes;
    if (width != 0)
        (void)builder_room(builder, &builder->values, (size_t)((rows + 1) * width));
    if (bytes > 0 && slu_type_is_varlen(builder->type))
        (void)builder_room(builder, &builder->data, (size_t)bytes);
}

/* One more row whose value is `bytes` long in the values buffer; NULL when failed. */
static uint8_t *
builder_slot(sdk_builder *builder, size_t bytes)
{
    if (!builder_room(builder, &builder->values, bytes))
        return NULL;
    uint8_t *slot = builder->values.data + builder->values.bytes;
    builder->values.bytes += bytes;
    if (builder->nulls != 0) {
        if (!builder_bits(builder, &builder->validity, builder->rows + 1, 0))
            return NULL;
        slu_bit_set(builder->validity.data, builder->rows);
    }
    builder->rows++;
    return slot;
}

void
sdk_builder_bytes(sdk_builder *builder, const void *data, size_t bytes)
{
    if (builder->type.id == SLU_TYPE_FIXED) {
        uint8_t *slot = bytes == (size_t)builder->type.width_bytes ? builder_slot(builder, bytes) : NULL;
        if (slot == NULL)
            (void)builder_fail(builder, SLU_INVALID);
        else
            memcpy(slot, data, bytes);
        return;
    }
    if (!builder_offset_first(builder))
        return;
    if (bytes > (size_t)INT32_MAX - builder->data.bytes) {
        (void)builder_fail(builder, SLU_LIMIT);
        return;
    }
    if (!builder_room(builder, &builder->data, bytes))
        return;
    uint8_t *slot = builder_slot(builder, sizeof(int32_t));
    if (slot == NULL)
        return;
    if (bytes != 0)
        memcpy(builder->data.data + builder->data.bytes, data, bytes);
    builder->data.bytes += bytes;
    const int32_t end = (int32_t)builder->data.bytes;
    memcpy(slot, &end, sizeof end);
}

void
sdk_builder_text(sdk_builder *builder, const char *text)
{
    sdk_builder_bytes(builder, text, strlen(text));
}

void
sdk_builder_bool(sdk_builder *builder, bool value)
{
    if (!builder_bits(builder, &builder->values, builder->rows + 1, 0))
        return;
    if (value)
        slu_bit_set(builder->values.data, builder->rows);
    (void)builder_slot(builder, 0);
}

void
sdk_builder_i64(sdk_builder *builder, int64_t value)
{
    uint8_t *slot = builder_slot(builder, sizeof value);
    if (slot != NULL)
        memcpy(slot, &value, sizeof value);
}

void
sdk_builder_i32(sdk_builder *builder, int32_t value)
{
    uint8_t *slot = builder_slot(builder, sizeof value);
    if (slot != NULL)
        memcpy(slot, &value, sizeof value);
}

void
sdk_builder_int(sdk_builder *builder, int64_t value)
{
    if (builder->type.id == SLU_TYPE_BOOL) {
        sdk_builder_bool(builder, value != 0);
        return;
    }
    uint8_t *slot = builder_slot(builder, (size_t)builder->type.width_bytes);
    if (slot != NULL)
        memcpy(slot, &value, (size_t)builder->type.width_bytes); /* little endian: the low bytes are the narrow value */
}

void
sdk_builder_f64(sdk_builder *builder, double value)
{
    uint8_t *slot = builder_slot(builder, (size_t)builder->type.width_bytes);
    if (slot == NULL)
        return;
    if (builder->type.id == SLU_TYPE_FLOAT) {
        const float narrow = (float)value;
        memcpy(slot, &narrow, sizeof narrow);
    } else {
        memcpy(slot, &value, sizeof value);
    }
}

void
sdk_builder_decimal(sdk_builder *builder, slu_i128_natural value)
{
    uint8_t *slot = builder_slot(builder, sizeof value);
    if (slot != NULL)
        memcpy(slot, &value, sizeof value);
}

/* The first null makes the bitmap, with all earlier rows valid. */
static bool
builder_first_null(sdk_builder *builder)
{
    if (builder->nulls != 0 || builder->rows == 0)
        return builder->failed == SLU_OK;
    if (!builder_bits(builder, &builder->validity, builder->rows, 0xff))
        return false;
    for (int64_t i = builder->rows; i < (int64_t)builder->validity.bytes * 8; i++)
        slu_bit_clear(builder->validity.data, i);
    return true;
}

/* An empty value under a null: zero, or an empty text. */
static void
builder_value_empty(sdk_builder *builder)
{
    if (slu_type_is_varlen(builder->type)) {
        sdk_builder_bytes(builder, "", 0);
    } else if (builder->type.id == SLU_TYPE_BOOL) {
        sdk_builder_bool(builder, false);
    } else {
        uint8_t *slot = builder_slot(builder, (size_t)builder->type.width_bytes);
        if (slot != NULL)
            memset(slot, 0, (size_t)builder->type.width_bytes);
    }
}

void
sdk_builder_null(sdk_builder *builder)
{
    if (!builder_first_null(builder) || !builder_bits(builder, &builder->validity, builder->rows + 1, 0))
        return;
    builder->nulls++;
    const int64_t row = builder->rows;
    builder_value_empty(builder);
    if (builder->failed == SLU_OK)
        slu_bit_clear(builder->validity.data, row);
}

void
sdk_builder_nulls(sdk_builder *builder, int64_t rows)
{
    for (int64_t i = 0; i < rows && builder->failed == SLU_OK; i++)
        sdk_builder_null(builder);
}

void *
sdk_builder_extend(sdk_builder *builder, int64_t rows)
{
    const int64_t width = builder->type.width_bytes;
    if (width == 0 || rows < 0 || !builder_room(builder, &builder->values, (size_t)(rows * width))) {
        (void)builder_fail(builder, SLU_INVALID);
        return NULL;
    }
    if (builder->nulls != 0) {
        if (!builder_bits(builder, &builder->validity, builder->rows + rows, 0))
            return NULL;
        for (int64_t i = 0; i < rows; i++)
            slu_bit_set(builder->validity.data, builder->rows + i);
    }
    uint8_t *slots = builder->values.data + builder->values.bytes;
    builder->values.bytes += (size_t)(rows * width);
    builder->rows += rows;
    return slots;
}

void
sdk_builder_copy(sdk_builder *builder, const slu_column *from, int64_t row)
{
    if (!slu_column_valid(from, row)) {
        sdk_builder_null(builder);
    } else if (slu_type_is_varlen(builder->type)) {
        int32_t bytes;
        const uint8_t *data = slu_column_bytes(from, row, &bytes);
        sdk_builder_bytes(builder, data, (size_t)bytes);
    } else if (builder->type.id == SLU_TYPE_BOOL) {
        sdk_builder_bool(builder, slu_column_bool(from, row));
    } else {
        const size_t width = (size_t)builder->type.width_bytes;
        uint8_t *slot = builder_slot(builder, width);
        if (slot != NULL)
            memcpy(slot, (const uint8_t *)from->values + (size_t)row * width, width);
    }
}

slu_column
sdk_builder_view(const sdk_builder *builder, sdk_builder_look *look)
{
    memset(look, 0, sizeof *look);
    look->buffers[0] = builder->nulls != 0 ? builder->validity.data : NULL;
    look->buffers[1] = builder->values.data;
    look->buffers[2] = builder->data.data;
    look->array.length = builder->rows;
    look->array.null_count = builder->nulls;
    look->array.n_buffers = slu_type_buffers(builder->type);
    look->array.buffers = look->buffers;
    return slu_column_view_at(builder->type, &look->array, 0, builder->rows);
}

void
sdk_builder_reset(sdk_builder *builder)
{
    builder->validity.bytes = 0;
    builder->values.bytes = 0;
    builder->data.bytes = 0;
    builder->rows = 0;
    builder->nulls = 0;
    builder->failed = SLU_OK;
}

slu_status
sdk_builder_finish(sdk_builder *builder, struct ArrowArray *out, slu_error *err)
{
    if (slu_type_is_varlen(builder->type))
        (void)builder_offset_first(builder);
    if (builder->failed != SLU_OK)
        return slu_error_set(err, builder->failed, "column of %lld rows: %s", (long long)builder->rows,
                             builder->failed == SLU_LIMIT     ? "more than 2^31-1 bytes of text"
                             : builder->failed == SLU_INVALID ? "a value of the wrong width"
                                                              : "no memory");
    struct ArrowArray array;
    if (array_init_owned(&array, &builder->memory, slu_type_buffers(builder->type), builder->rows, builder->nulls) != SLU_OK)
        return slu_error_set(err, SLU_NOMEM, "column of %lld rows: no memory", (long long)builder->rows);
    if (builder->nulls != 0)
        array_take_run(&array, 0, &builder->validity);
    array_take_run(&array, 1, &builder->values);
    if (slu_type_is_varlen(builder->type))
        array_take_run(&array, 2, &builder->data);
    run_fini(&builder->validity, &builder->memory);
    builder->rows = 0;
    builder->nulls = 0;
    *out = array;
    return SLU_OK;
}

/* ---- Gather ----------------------------------------------------------------------------------------------------------------- */

#define GATHER_FIXED(TYPE)                                                                                                         \
    do {                                                                                                                           \
        const TYPE *from_ = from;                                                                                                  \
        TYPE *to_ = to;                                                                                                            \
        for (int64_t i = 0; i < count; i++)                                                                                        \
            to_[i] = from_[rows[i] < 0 ? 0 : rows[i]];                                                                             \
    } while (0)

/* Values of fixed width. A negative row copies row 0's value, which the validity bitmap hides; a column without rows has none. */
static void
gather_values(void *to, const void *from, size_t width, const int32_t *rows, int64_t count)
{
    switch (width) {
    case 1: GATHER_FIXED(uint8_t); return;
    case 2: GATHER_FIXED(uint16_t); return;
    case 4: GATHER_FIXED(uint32_t); return;
    case 8: GATHER_FIXED(uint64_t); return;
    case 16: GATHER_FIXED(slu_i128); return;
    default: break;
    }
    for (int64_t i = 0; i < count; i++)
        memcpy((uint8_t *)to + (size_t)i * width, (const uint8_t *)from + (size_t)(rows[i] < 0 ? 0 : rows[i]) * width, width);
}

/* One bitmap from another (NULL: all ones); negative rows are 0. Returns the count of zeros. */
static int64_t
gather_bits(uint8_t *to, const uint8_t *from, int64_t offset, const int32_t *rows, int64_t count)
{
    int64_t zeros = 0;
    memset(to, 0, (size_t)((count + 7) >> 3));
    for (int64_t i = 0; i < count; i++) {
        const bool bit = rows[i] >= 0 && (from == NULL || slu_bit(from, offset + rows[i]));
        to[i >> 3] = (uint8_t)(to[i >> 3] | (unsigned)bit << (i & 7));
        zeros += !bit;
    }
    return zeros;
}

static bool
rows_have_negative(const int32_t *rows, int64_t count)
{
    int32_t all = 0;
    for (int64_t i = 0; i < count; i++)
        all |= rows[i];
    return all < 0;
}

static uint8_t *
array_buffer(struct ArrowArray *array, int index, size_t bytes)
{
    owned_array *owned = array->private_data;
    void *memory = owned->memory.alloc(owned->memory.context, bytes != 0 ? bytes : 1);
    owned->buffers[index] = memory;
    owned->buffer_bytes[index] = bytes != 0 ? bytes : 1;
    return memory;
}

static slu_status
gather_validity(struct ArrowArray *out, const slu_column *from, const int32_t *rows, int64_t count)
{
    if (from->validity == NULL && !rows_have_negative(rows, count))
        return SLU_OK;
    uint8_t *bits = array_buffer(out, 0, (size_t)((count + 7) >> 3));
    if (bits == NULL)
        return SLU_NOMEM;
    out->null_count = gather_bits(bits, from->validity, from->offset, rows, count);
    return SLU_OK;
}

/* Offsets of the gathered rows; the sum of their lengths in *out_total. */
static slu_status
gather_offsets(struct ArrowArray *out, const slu_column *from, const int32_t *rows, int64_t count, int64_t *out_total)
{
    int32_t *offsets = (int32_t *)(void *)array_buffer(out, 1, (size_t)(count + 1) * sizeof *offsets);
    if (offsets == NULL)
        return SLU_NOMEM;
    int64_t total = 0;
    offsets[0] = 0;
    for (int64_t i = 0; i < count; i++) {
        if (rows[i] >= 0)
            total += from->offsets[rows[i] + 1] - from->offsets[rows[i]];
        if (total > INT32_MAX)
            return SLU_LIMIT;
        offsets[i + 1] = (int32_t)total;
    }
    *out_total = total;
    return SLU_OK;
}

static slu_status
gather_text(struct ArrowArray *out, const slu_column *from, const int32_t *rows, int64_t count)
{
    int64_t total;
    SLU_TRY(gather_offsets(out, from, rows, count, &total));
    uint8_t *data = array_buffer(out, 2, (size_t)total);
    if (data == NULL)
        return SLU_NOMEM;
    for (int64_t i = 0; i < count; i++) {
        if (rows[i] < 0)
            continue;
        const int32_t at = from->offsets[rows[i]];
        const size_t bytes = (size_t)(from->offsets[rows[i] + 1] - at);
        if (bytes != 0)
            memcpy(data, from->data + at, bytes);
        data += bytes;
    }
    return SLU_OK;
}

static slu_status
gather_list(const struct ArrowSchema *field, struct ArrowArray *out, const slu_column *from, const int32_t *rows, int64_t count,
            const sdk_memory *memory)
{
    int64_t total;
    SLU_TRY(gather_offsets(out, from, rows, count, &total));
    SLU_TRY(array_init_children(out, 1));
    int32_t *items = malloc((total != 0 ? (size_t)total : 1) * sizeof *items);
    if (items == NULL)
        return SLU_NOMEM;
    int64_t filled = 0;
    for (int64_t i = 0; i < count; i++)
        for (int32_t item = rows[i] < 0 ? 0 : from->offsets[rows[i]]; rows[i] >= 0 && item < from->offsets[rows[i] + 1]; item++)
            items[filled++] = item;
    const slu_column child = slu_column_view(field->children[0]->format, from->array->children[0]);
    const slu_status status = sdk_gather(field->children[0], &child, items, total, memory, out->children[0], NULL);
    free(items);
    return status;
}

static slu_status
gather_struct(const struct ArrowSchema *field, struct ArrowArray *out, const slu_column *from, const int32_t *rows, int64_t count,
              const sdk_memory *memory)
{
    SLU_TRY(array_init_children(out, field->n_children));
    for (int64_t i = 0; i < field->n_children; i++) {
        const slu_column child =
            slu_column_view_at(slu_type_of(field->children[i]->format), from->array->children[i], from->offset, from->rows);
        SLU_TRY(sdk_gather(field->children[i], &child, rows, count, memory, out->children[i], NULL));
    }
    return SLU_OK;
}

static slu_status
gather_fixed(struct ArrowArray *out, const slu_column *from, const int32_t *rows, int64_t count)
{
    const size_t width = (size_t)from->type.width_bytes;
    uint8_t *values = array_buffer(out, 1, (size_t)count * width);
    if (values == NULL)
        return SLU_NOMEM;
    if (from->rows == 0 || from->values == NULL)
        memset(values, 0, (size_t)count * width);
    else
        gather_values(values, from->values, width, rows, count);
    return SLU_OK;
}

static slu_status
gather_body(const struct ArrowSchema *field, struct ArrowArray *out, const slu_column *from, const int32_t *rows, int64_t count,
            const sdk_memory *memory)
{
    SLU_TRY(gather_validity(out, from, rows, count));
    switch (from->type.id) {
    case SLU_TYPE_OTHER: return SLU_UNSUPPORTED;
    case SLU_TYPE_UTF8:
    case SLU_TYPE_BINARY: return gather_text(out, from, rows, count);
    case SLU_TYPE_LIST:
    case SLU_TYPE_MAP: return gather_list(field, out, from, rows, count, memory);
    case SLU_TYPE_STRUCT: return gather_struct(field, out, from, rows, count, memory);
    case SLU_TYPE_BOOL: {
        uint8_t *bits = array_buffer(out, 1, (size_t)((count + 7) >> 3));
        if (bits == NULL)
            return SLU_NOMEM;
        (void)gather_bits(bits, from->values, from->offset, rows, count);
        return SLU_OK;
    }
    default: return gather_fixed(out, from, rows, count);
    }
}

slu_status
sdk_gather(const struct ArrowSchema *field, const slu_column *from, const int32_t *rows, int64_t count, const sdk_memory *memory,
           struct ArrowArray *out, slu_error *err)
{
    const sdk_memory lender = memory_or_default(memory);
    struct ArrowArray array;
    slu_status status = array_init_owned(&array, &lender, slu_type_buffers(from->type), count, 0);
    if (status != SLU_OK)
        return slu_error_set(err, status, "gather of %lld rows: no memory", (long long)count);
    status = gather_body(field, &array, from, rows, count, &lender);
    if (status != SLU_OK) {
        slu_array_release(&array);
        return slu_error_set(err, status, "gather of %lld rows of format %s failed", (long long)count, field->format);
    }
    *out = array;
    return SLU_OK;
}

/* ---- Sharing ---------------------------------------------------------------------------------------------------------------- */

/* One per sdk_share: counts the arrays of its tree that still live, since a consumer may move a child out and keep it longer. */
typedef struct shared_owner {
    atomic_long arrays;
    void (*drop)(void *context);
    void *context;
} shared_owner;

static void
shared_owner_unref(shared_owner *owner)
{
    if (atomic_fetch_sub_explicit(&owner->arrays, 1, memory_order_acq_rel) != 1)
        return;
    if (owner->drop != NULL)
        owner->drop(owner->context);
    free(owner);
}

static void
array_release_shared(struct ArrowArray *array)
{
    shared_owner *owner = array->private_data;
    array_release_children(array);
    memset(array, 0, sizeof *array);
    shared_owner_unref(owner);
}

static slu_status
share_tree(const struct ArrowArray *from, shared_owner *owner, struct ArrowArray *out)
{
    *out = *from;
    out->children = NULL;
    out->n_children = 0;
    out->release = array_release_shared;
    out->private_data = owner;
    atomic_fetch_add_explicit(&owner->arrays, 1, memory_order_relaxed);
    if (from->dictionary != NULL)
        return SLU_UNSUPPORTED;
    SLU_TRY(array_init_children(out, from->n_children));
    for (int64_t i = 0; i < from->n_children; i++)
        SLU_TRY(share_tree(from->children[i], owner, out->children[i]));
    return SLU_OK;
}

slu_status
sdk_share(const struct ArrowArray *from, int64_t offset, int64_t rows, void (*drop)(void *context), void *context,
          struct ArrowArray *out, slu_error *err)
{
    shared_owner *owner = calloc(1, sizeof *owner);
    if (owner == NULL)
        return slu_error_set(err, SLU_NOMEM, "share a column: no memory");
    atomic_init(&owner->arrays, 1); /* ours, until the tree stands */
    struct ArrowArray array;
    const slu_status status = share_tree(from, owner, &array);
    if (status != SLU_OK) {
        slu_array_release(&array);
        shared_owner_unref(owner);
        return slu_error_set(err, status, "share a column: %s",
                             status == SLU_UNSUPPORTED ? "dictionary columns are not served" : "no memory");
    }
    owner->drop = drop;
    owner->context = context;
    shared_owner_unref(owner);
    array.offset += offset;
    array.length = rows;
    if (array.null_count != 0 && (offset != 0 || rows != from->length))
        array.null_count = -1;
    *out = array;
    return SLU_OK;
}

/* ---- Assembled arrays ------------------------------------------------------------------------------------------------------- */

static slu_status
struct_body(const uint8_t *validity, int64_t rows, int64_t column_count, struct ArrowArray *array)
{
    uint8_t *bits = validity == NULL ? NULL : array_buffer(array, 0, (size_t)((rows + 7) >> 3));
    if (validity != NULL && bits == NULL)
        return SLU_NOMEM;
    if (bits != NULL)
        memcpy(bits, validity, (size_t)((rows + 7) >> 3));
    return array_init_children(array, column_count);
}

slu_status
sdk_struct_nulls(struct ArrowArray *columns, int64_t column_count, const uint8_t *validity, int64_t nulls, int64_t rows,
                 struct ArrowArray *out, slu_error *err)
{
    for (int64_t i = 0; i < column_count; i++)
        if (columns[i].length != rows)
            return slu_error_set(err, SLU_INVALID, "column %lld has %lld rows, the batch %lld", (long long)i,
                                 (long long)columns[i].length, (long long)rows);
    const sdk_memory memory = memory_or_default(NULL);
    struct ArrowArray array;
    slu_status status = array_init_owned(&array, &memory, 1, rows, validity == NULL ? 0 : nulls);
    if (status == SLU_OK && (status = struct_body(validity, rows, column_count, &array)) != SLU_OK)
        slu_array_release(&array);
    if (status != SLU_OK)
        return slu_error_set(err, status, "batch of %lld columns: no memory", (long long)column_count);
    for (int64_t i = 0; i < column_count; i++)
        slu_array_move(&columns[i], array.children[i]);
    *out = array;
    return SLU_OK;
}

slu_status
sdk_struct(struct ArrowArray *columns, int64_t column_count, int64_t rows, struct ArrowArray *out, slu_error *err)
{
    return sdk_struct_nulls(columns, column_count, NULL, 0, rows, out, err);
}

static slu_status
list_body(const int32_t *offsets, const uint8_t *validity, int64_t rows, struct ArrowArray *array)
{
    uint8_t *copy = array_buffer(array, 1, (size_t)(rows + 1) * sizeof *offsets);
    if (copy == NULL)
        return SLU_NOMEM;
    memcpy(copy, offsets, (size_t)(rows + 1) * sizeof *offsets);
    if (validity != NULL) {
        uint8_t *bits = array_buffer(array, 0, (size_t)((rows + 7) >> 3));
        if (bits == NULL)
            return SLU_NOMEM;
        memcpy(bits, validity, (size_t)((rows + 7) >> 3));
        array->null_count = -1;
    }
    return array_init_children(array, 1);
}

slu_status
sdk_list(const int32_t *offsets, const uint8_t *validity, int64_t rows, struct ArrowArray *items, struct ArrowArray *out,
         slu_error *err)
{
    if (offsets[rows] > items->length)
        return slu_error_set(err, SLU_INVALID, "list offsets end at %d, beyond %lld items", offsets[rows],
                             (long long)items->length);
    const sdk_memory memory = memory_or_default(NULL);
    struct ArrowArray array;
    slu_status status = array_init_owned(&array, &memory, 2, rows, 0);
    if (status == SLU_OK && (status = list_body(offsets, validity, rows, &array)) != SLU_OK)
        slu_array_release(&array);
    if (status != SLU_OK)
        return slu_error_set(err, status, "list of %lld rows: no memory", (long long)rows);
    slu_array_move(items, array.children[0]);
    *out = array;
    return SLU_OK;
}

/* ---- Weight ----------------------------------------------------------------------------------------------------------------- */

static int64_t
array_bytes_at(const struct ArrowSchema *field, const struct ArrowArray *array, int64_t offset, int64_t rows)
{
    const slu_column column = slu_column_view_at(slu_type_of(field->format), array, offset, rows);
    int64_t bytes = column.validity != NULL ? (rows + 7) >> 3 : 0;
    if (column.type.id == SLU_TYPE_BOOL)
        return bytes + ((rows + 7) >> 3);
    if (column.type.width_bytes != 0)
        return bytes + rows * column.type.width_bytes;
    if (column.type.id == SLU_TYPE_STRUCT) {
        for (int64_t i = 0; i < field->n_children; i++)
            bytes += array_bytes_at(field->children[i], array->children[i], column.offset, rows);
        return bytes;
    }
    if (column.offsets == NULL)
        return bytes;
    const int64_t items = column.offsets[rows] - column.offsets[0];
    bytes += (rows + 1) * (int64_t)sizeof(int32_t);
    return slu_type_is_varlen(column.type)
               ? bytes + items
               : bytes + array_bytes_at(field->children[0], array->children[0], column.offsets[0], items);
}

int64_t
sdk_array_bytes(const struct ArrowSchema *field, const struct ArrowArray *array)
{
    return array_bytes_at(field, array, 0, array->length);
}
