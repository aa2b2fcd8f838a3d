/*
 * keys.h: canonical key bytes of a batch, as the door defines them at slu_keys, and their hashes; a batch at a time.
 *
 * Owns     an sdk_keys owns scratch memory that is reused from batch to batch; what `shown` points to is valid until the next encode.
 * Threads  owner.
 * Errors   init: INVALID for a column that is not there (with the nearest name), UNSUPPORTED for a nested one; encode: NOMEM, or LIMIT for
 *          more than 2^31-1 bytes of keys.
 * Limits   SDK_KEY_COLUMNS_MAX columns.
 */
#ifndef SLUICE_SDK_KEYS_H
#define SLUICE_SDK_KEYS_H

#include <sluice/columns.h>
#include <sluice/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SDK_KEY_COLUMNS_MAX 16

typedef struct sdk_keys {
    uint32_t column_count;
    uint32_t key_bytes; /* of every key; 0: they differ */
    int64_t columns[SDK_KEY_COLUMNS_MAX];
    slu_type types[SDK_KEY_COLUMNS_MAX];
    uint8_t *data;
    size_t data_capacity;
    int32_t *offsets;
    uint32_t *hashes;
    int64_t rows_capacity;
    slu_keys shown;
} sdk_keys;

SLU_CHECK slu_status sdk_keys_init(sdk_keys *keys, const struct ArrowSchema *schema, const char *const *names, uint32_t count,
                                   slu_error *err);
void sdk_keys_fini(sdk_keys *keys); /* safe on a zeroed one, and twice */

/* Keys of some rows of a batch (row numbers of its array), or of all its rows, through its selection, when rows is NULL. */
SLU_CHECK slu_status sdk_keys_encode(sdk_keys *keys, const slu_batch *batch, const int32_t *rows, int64_t count, slu_error *err);

/* Low 32 bits of XXH64 (seed 0). */
uint32_t sdk_key_hash(const void *key, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
