/* rocks_runs.c: rows of RocksDB as the runs of state/run.h. */
#include "rocks_internal.h"

#include "state/run.h"

slu_status
rocks_runs_end(rocks_runs *runs)
{
    if (runs->count == 0)
        return SLU_OK;
    slu_run_end(&runs->run, runs->count);
    runs->count = 0;
    SLU_TRY(slu_buf_status(&runs->run, runs->err));
    return runs->entry(runs->to, runs->key_group, slu_buf_view(&runs->run), runs->err);
}

slu_status
rocks_runs_row(void *context, slu_view key, slu_view value)
{
    rocks_runs *runs = context;
    const uint32_t head_bytes = rocks_head_bytes(runs->spec);
    slu_run_entry entry = {.stamp_ms = 0};
    if (key.bytes < ROCKS_GROUP_BYTES || value.bytes < head_bytes)
        return slu_error_set(runs->err, SLU_CORRUPT, "state %s: RocksDB has a key of %zu and a value of %zu bytes",
                             runs->spec->name, key.bytes, value.bytes);
    const uint32_t key_group = (uint32_t)key.data[0] << 8 | key.data[1];
    if (runs->count != 0 && runs->key_group != key_group)
        SLU_TRY(rocks_runs_end(runs));
    if (runs->count++ == 0) {
        slu_buf_reset(&runs->run);
        slu_run_begin(&runs->run, runs->spec);
        runs->key_group = key_group;
    }
    entry.key = slu_view_of(key.data + ROCKS_GROUP_BYTES, key.bytes - ROCKS_GROUP_BYTES);
    entry.value = slu_view_of(value.data + head_bytes, value.bytes - head_bytes);
    if (runs->spec->ttl_ms != 0)
        memcpy(&entry.stamp_ms, value.data, sizeof entry.stamp_ms);
    slu_run_add(&runs->run, runs->spec, &entry);
    return slu_buf_status(&runs->run, runs->err);
}

static slu_status
read_rows(slu_kv_reader *reader, uint32_t group_first, uint32_t group_last, rocks_runs *runs, slu_error *err)
{
    slu_view key, value;
    slu_status status;
    while ((status = slu_kv_reader_next(reader, &key, &value, err)) == SLU_OK) {
        const uint32_t group = key.bytes < ROCKS_GROUP_BYTES ? group_first : (uint32_t)key.data[0] << 8 | key.data[1];
        if (group > group_last)
            break;
        if (group >= group_first)
            SLU_TRY(rocks_runs_row(runs, key, value));
    }
    return status < 0 ? status : rocks_runs_end(runs);
}

slu_status
slu_rocks_read(const slu_state_spec *spec, const char *dir, uint32_t group_first, uint32_t group_last, slu_state_entry *entry,
               void *to, slu_error *err)
{
    rocks_runs runs = {.spec = spec, .entry = entry, .to = to, .err = err};
    slu_kv_reader *reader = NULL;
    SLU_TRY_IN(slu_kv_reader_open(dir, &reader, err), err, "state %s", spec->name);
    slu_buf_init(&runs.run, SIZE_MAX / 2);
    const slu_status status = read_rows(reader, group_first, group_last, &runs, err);
    slu_buf_fini(&runs.run);
    slu_kv_reader_close(&reader);
    return slu_error_in(err, status, "state %s", spec->name);
}
