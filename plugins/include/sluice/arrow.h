/*
 * arrow.h: rows as the engine and its plugins see them.
 *
 * Source   ArrowSchema, ArrowArray, ArrowArrayStream: "The Arrow C data interface" and "The Arrow C stream interface" of Apache
 *          Arrow, whose structs are copied here as that specification asks; the type language is its format strings
 *          ("l" BIGINT, "i" INT, "s" SMALLINT, "c" TINYINT, "b" BOOLEAN, "f" FLOAT, "g" DOUBLE, "u" STRING, "z" BYTES, "w:N"
 *          BINARY(N), "d:P,S" DECIMAL(P,S) as 128 bits, "tdD" DATE, "ttm" TIME(3), "tsm:" TIMESTAMP(3), "tsu:" TIMESTAMP(6),
 *          "tsn:" TIMESTAMP(9), "tsu:UTC" TIMESTAMP_LTZ(6), "+s" ROW, "+l" ARRAY, "+m" MAP).
 * Shape    a batch is one struct array ("+s", top level without nulls, offset 0) under a schema that many batches share.
 * Owns     a slu_batch is counted and immutable: whoever keeps one past the call takes a reference (host->batch_ref).
 * Threads  any thread may read a batch; the count is atomic.
 * Align    every buffer a plugin sees starts at a multiple of 8 bytes (64 for memory of host->alloc).
 * Rows     the rows of a batch are those of `selection` where it is there, else all. `rows` counts them.
 */
#ifndef SLUICE_ARROW_H
#define SLUICE_ARROW_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
#endif

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};
#endif

/* Row kinds, Flink's and Fluss's change types (byte values are Fluss's: append-only 0, +I 1, -U 2, +U 3, -D 4). */
#define SLU_ROW_APPEND 0
#define SLU_ROW_INSERT 1
#define SLU_ROW_UPDATE_BEFORE 2
#define SLU_ROW_UPDATE_AFTER 3
#define SLU_ROW_DELETE 4

/* A small attribute that travels with a batch (lake split, trace id). Borrowed for as long as the batch. */
typedef struct slu_attr {
    const char *key;
    const void *data;
    int64_t data_bytes;
} slu_attr;

#define SLU_BATCH_ATTRS_MAX 16

typedef struct slu_batch {
    uint32_t size; /* sizeof this struct as the host knows it */
    uint32_t attr_count;
    int64_t rows;
    const struct ArrowSchema *schema;
    const struct ArrowArray *array;
    const int32_t *selection; /* NULL: every row of array; else `rows` ascending row numbers of array */
    const uint8_t *kinds; /* NULL: every row is an append or insert; else one SLU_ROW_ per row of array (not per selected row) */
    const slu_attr *attrs;
    int64_t bytes; /* what the buffers weigh, for credit and memory accounts */
} slu_batch;

/* The array row of the i-th row of a batch. */
static inline int64_t
slu_batch_row(const slu_batch *batch, int64_t i)
{
    return batch->selection != 0 ? (int64_t)batch->selection[i] : i;
}

#ifdef __cplusplus
}
#endif
#endif
