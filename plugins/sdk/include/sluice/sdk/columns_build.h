/*
 * columns_build.h: making columns: builders, gather, sharing a column of a batch, and the struct array of a batch.
 *
 * Shape    an sdk_builder grows one column; finish moves it into an ArrowArray that owns its memory. sdk_gather makes a new column
 *          from chosen rows. sdk_share makes a column that borrows another's buffers and drops a reference when released.
 * Owns     a builder owns its buffers until finish or fini (safe on a zeroed one, and twice). Arrays own theirs: slu_array_release.
 * Memory   64-byte aligned, from the caller's sdk_memory, or from malloc when that is NULL. The sdk_memory is copied into the array.
 * Threads  owner. A finished array may be released by any thread if its sdk_memory allows that.
 * Errors   a builder is sticky: appends return nothing, a failed one (NOMEM, or more than 2^31-1 bytes of text: LIMIT) is reported by
 *          finish. Whole-vector calls hand out memory to fill, NULL when failed.
 */
#ifndef SLUICE_SDK_COLUMNS_BUILD_H
#define SLUICE_SDK_COLUMNS_BUILD_H

#include <sluice/columns.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sdk_memory {
    void *context;
    void *(*alloc)(void *context, size_t bytes); /* aligned to 64; NULL: none left */
    void (*free)(void *context, void *memory, size_t bytes);
} sdk_memory;

/* A growing run of bytes inside a builder. */
typedef struct sdk_run {
    uint8_t *data;
    size_t bytes;
    size_t capacity;
} sdk_run;

typedef struct sdk_builder {
    slu_type type;
    sdk_memory memory;
    sdk_run validity; /* empty until the first null */
    sdk_run values;   /* fixed width values, or a bool's bitmap, or int32 offsets (rows + 1) */
    sdk_run data;     /* text */
    int64_t rows;
    int64_t nulls;
    slu_status failed;
} sdk_builder;

/* Starts a column of a fixed-width, bool, UTF8 or BINARY type (INVALID for nested ones, which are assembled from arrays below). */
SLU_CHECK slu_status sdk_builder_init(sdk_builder *builder, const char *format, const sdk_memory *memory);
void sdk_builder_fini(sdk_builder *builder);
/* Room for `rows` more rows (and `bytes` of text), so that appending does not grow it. */
void sdk_builder_reserve(sdk_builder *builder, int64_t rows, int64_t bytes);

void sdk_builder_null(sdk_builder *builder);
void sdk_builder_nulls(sdk_builder *builder, int64_t rows);
void sdk_builder_bool(sdk_builder *builder, bool value);
/* Any whole-number type: INT8..INT64, DATE, TIME, TIMESTAMP (the value is narrowed to the column's width), BOOL. */
void sdk_builder_int(sdk_builder *builder, int64_t value);
void sdk_builder_i32(sdk_builder *builder, int32_t value); /* exactly 4-byte columns */
void sdk_builder_i64(sdk_builder *builder, int64_t value); /* exactly 8-byte columns */
void sdk_builder_f64(sdk_builder *builder, double value);  /* FLOAT or DOUBLE */
void sdk_builder_decimal(sdk_builder *builder, slu_i128_natural value);
void sdk_builder_bytes(sdk_builder *builder, const void *data, size_t bytes); /* UTF8, BINARY, FIXED (bytes must be its width) */
void sdk_builder_text(sdk_builder *builder, const char *text);

/* `rows` values at once, all valid; the memory holds rows * width bytes and is the caller's to fill. NULL when failed. */
void *sdk_builder_extend(sdk_builder *builder, int64_t rows);
/* Appends row `row` of a column of the same type, null or not. */
void sdk_builder_copy(sdk_builder *builder, const slu_column *from, int64_t row);

/* What has been appended so far, as a column; borrows `look` and the builder's memory until the next append. */
typedef struct sdk_builder_look {
    struct ArrowArray array;
    const void *buffers[3];
} sdk_builder_look;
slu_column sdk_builder_view(const sdk_builder *builder, sdk_builder_look *look);

/* Empty again, memory kept. */
void sdk_builder_reset(sdk_builder *builder);
/* Moves the column out; the builder is ready for the next one of the same type. */
SLU_CHECK slu_status sdk_builder_finish(sdk_builder *builder, struct ArrowArray *out, slu_error *err);

/* Rows of a column, in the order of `rows` (indices into the column; -1 is a null). All types, nested ones included. */
SLU_CHECK slu_status sdk_gather(const struct ArrowSchema *field, const slu_column *from, const int32_t *rows, int64_t count,
                                const sdk_memory *memory, struct ArrowArray *out, slu_error *err);

/* A column over another's buffers: drop(context) is called once, when the array and all children moved out of it are released.
 * `offset` and `rows` cut a slice (a struct's own offset goes here). `drop` is not called on failure. */
SLU_CHECK slu_status sdk_share(const struct ArrowArray *from, int64_t offset, int64_t rows, void (*drop)(void *context),
                               void *context, struct ArrowArray *out, slu_error *err);

/* The struct array of a batch from its columns, which are moved in (the slots are zeroed) on success. All must have `rows` rows. */
SLU_CHECK slu_status sdk_struct(struct ArrowArray *columns, int64_t column_count, int64_t rows, struct ArrowArray *out,
                                slu_error *err);
/* The same for a struct column of which some rows are null themselves (validity: NULL, or a bitmap, copied). */
SLU_CHECK slu_status sdk_struct_nulls(struct ArrowArray *columns, int64_t column_count, const uint8_t *validity, int64_t nulls,
                                      int64_t rows, struct ArrowArray *out, slu_error *err);
/* A list (or map) array from its offsets (rows + 1 of them, copied), validity (NULL or a bitmap, copied) and items (moved). */
SLU_CHECK slu_status sdk_list(const int32_t *offsets, const uint8_t *validity, int64_t rows, struct ArrowArray *items,
                              struct ArrowArray *out, slu_error *err);

/* What the buffers of an array weigh, children included: slu_batch.bytes. Slices count what they show. */
int64_t sdk_array_bytes(const struct ArrowSchema *field, const struct ArrowArray *array);

#ifdef __cplusplus
}
#endif
#endif
