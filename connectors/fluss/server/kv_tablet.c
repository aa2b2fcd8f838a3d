#include "fluss/server/kv_tablet.h"

slu_status
fluss_kv_tablet_open(struct fluss_tables *tables, struct fluss_served *table, slu_kv_pool *pool, const char *dir, fluss_log *log,
    fluss_kv_tablet **out, slu_error *err)
{
    return slu_error_set(err, SLU_UNSUPPORTED, "the rows of primary-key tables are not served yet");
}

void
fluss_kv_tablet_close(fluss_kv_tablet **kv)
{
    *kv = NULL;
}
