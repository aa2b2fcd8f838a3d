/* checkpoint.c: a copy of a bucket's store, taken while it is written on; the copy itself knows how far the changelog is in it. */
#include "fluss/server/kv/tablet_internal.h"

static int32_t
kv_id_column(const fluss_kv_tablet *kv)
{
    const fluss_schema *schema = &kv->table->descriptor.schema;
    for (size_t i = 0; schema->auto_increment_column != NULL && i < schema->column_count; i++)
        if (strcmp(schema->columns[i].name, schema->auto_increment_column) == 0)
            return schema->columns[i].id;
    return -1;
}

slu_status
fluss_kv_tablet_checkpoint(fluss_kv_tablet *kv, slu_kv_checkpoint **checkpoint, fluss_kv_state *out, slu_error *err)
{
    if (kv->stale)
        SLU_TRY(kv_replay(kv, err));
    SLU_TRY(slu_kv_checkpoint_begin(kv->store, checkpoint, err));
    const fluss_kv_state state = {.lineage = kv->lineage, .id_column = kv_id_column(kv)};
    *out = state;
    return SLU_OK;
}

slu_status
fluss_kv_checkpoint_state(const char *dir, fluss_kv_state *state, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf word = {0};
    kv_meta meta;
    slu_buf_init(&word, KV_META_NUMBERED_BYTES);
    SLU_TRY(slu_kv_read_meta(dir, kv_meta_key(), &word, err));
    SLU_TRY(kv_meta_decode(slu_buf_view(&word), dir, &meta, err));
    state->log_offset = meta.applied;
    state->row_count = meta.row_count;
    state->id_next = meta.id_next;
    state->id_end = meta.id_end;
    if (meta.id_next > meta.id_end) /* there is no block of ids */
        state->id_column = -1;
    return SLU_OK;
}
