/* write_checkpoint.c DIR ROWS: a checkpoint of our kv room in DIR/snapshot, for a foreign RocksDB to open. */
#include "kv/kv.h"

#include <stdlib.h>

int
main(int argc, char **argv)
{
    slu_error err;
    slu_kv_pool *pool = NULL;
    slu_kv *kv = NULL;
    slu_kv_checkpoint *checkpoint = NULL;
    slu_kv_batch *batch = NULL;
    char dir[400];
    const slu_kv_pool_options options = {.rows_bytes = 300000};
    if (argc != 3)
        return 2;
    (void)snprintf(dir, sizeof dir, "%s/live", argv[1]);
    slu_status status = slu_kv_pool_open(&options, &pool, &err);
    if (status == SLU_OK)
        status = slu_kv_open(pool, dir, &kv, &err);
    if (status == SLU_OK)
        status = slu_kv_batch_new(&batch, &err);
    for (int i = 0; status == SLU_OK && i < atoi(argv[2]); i++) {
        char key[32];
        char value[32];
        (void)snprintf(key, sizeof key, "k%06d", i);
        (void)snprintf(value, sizeof value, "value-%d", i);
        slu_kv_batch_reset(batch);
        slu_kv_batch_put(batch, slu_view_of_text(key), slu_view_of_text(value));
        slu_kv_batch_put_meta(batch, slu_view_of_text("applied"), slu_view_of_text(value));
        status = slu_kv_write(kv, batch, &err);
    }
    (void)snprintf(dir, sizeof dir, "%s/snapshot", argv[1]);
    if (status == SLU_OK)
        status = slu_kv_checkpoint_begin(kv, &checkpoint, &err);
    if (status == SLU_OK)
        status = slu_kv_checkpoint_take(checkpoint, dir, &err);
    if (!slu_kv_checkpoint_end(&checkpoint) && status == SLU_OK)
        status = slu_error_set(&err, SLU_CLOSED, "the store was closed under its checkpoint");
    if (status != SLU_OK)
        (void)fprintf(stderr, "%s\n", err.message);
    slu_kv_batch_free(&batch);
    slu_kv_close(&kv);
    slu_kv_pool_close(&pool);
    return status == SLU_OK ? 0 : 1;
}
