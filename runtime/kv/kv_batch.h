/* kv_batch.h: a write batch as kv.c sees it; see kv.h. */
#ifndef SLU_KV_KV_BATCH_H
#define SLU_KV_KV_BATCH_H

#include "base/arena.h"
#include "kv/kv.h"

typedef struct kv_batch_row {
    slu_view key;
    slu_view tail;
    uint8_t head[SLU_KV_HEAD_BYTES_MAX];
    uint8_t head_bytes;
    bool erased;
} kv_batch_row;

struct slu_kv_batch {
    slu_buf rows; /* kv_batch_row each */
    slu_buf meta; /* key bytes, value bytes (u32 each), key, value ...: of the second family */
    slu_arena copies;
};

SLU_CHECK slu_status kv_batch_status(const slu_kv_batch *batch, slu_error *err);
const kv_batch_row *kv_batch_rows(const slu_kv_batch *batch, size_t *out_count);

#endif
