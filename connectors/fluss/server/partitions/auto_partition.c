#include "fluss/server/partitions/auto_partition.h"

#include "base/alloc.h"
#include "fluss/server/partitions/partition_time.h"
#include "fluss/server/partitions/partitions.h"

#include <inttypes.h>

#define ROUND_ARENA_BYTES_MAX ((size_t)64 << 20)

struct fluss_auto_partitions {
    fluss_server *server;
    slu_timer *timer;
    int64_t *tables;
    size_t count;
    size_t capacity;
};

static void
round_warn(const fluss_server *server, int64_t table_id, const slu_error *why)
{
    slu_log_warn(server->env, "AUTO-PARTITION", "partitions of table %" PRId64 ": %s", table_id, why->message);
}

/* ---- A round ---- */

/* The value of one key in "a$b$c". */
static slu_view
name_value(const char *name, size_t key_at)
{
    for (; key_at > 0; key_at--) {
        const char *next = strchr(name, '$');
        if (next == NULL)
            return slu_view_of("", 0);
        name = next + 1;
    }
    const char *end = strchr(name, '$');
    return slu_view_of(name, end == NULL ? strlen(name) : (size_t)(end - name));
}

static bool
view_before(slu_view value, const char *text)
{
    const size_t bytes = strlen(text);
    const int order = memcmp(value.data, text, value.bytes < bytes ? value.bytes : bytes);
    return order < 0 || (order == 0 && value.bytes < bytes);
}

static slu_status
table_drop_old(fluss_server *server, fluss_served *table, const fluss_auto_partition *of, slu_arena *arena, slu_error *err)
{
    char last[FLUSS_PARTITION_VALUE_BYTES_MAX];
    fluss_partition_row *rows = NULL;
    size_t count = 0;
    if (of->retention < 0)
        return SLU_OK;
    SLU_TRY(fluss_auto_partition_value(of, slu_wall_ms(server->env), -of->retention, last, err));
    SLU_TRY(fluss_catalogue_list_partitions(server->catalogue, table->row.id, arena, &rows, &count, err));
    for (size_t i = 0; i < count; i++) {
        if (!view_before(name_value(rows[i].name, of->key_at), last))
            continue;
        SLU_TRY(fluss_partition_drop(server, table, rows[i].name, rows[i].id, err));
        slu_log_info(server->env, "PARTITION-EXPIRED", "table %s.%s: partition %s is dropped (before %s)", table->row.database,
                     table->row.name, rows[i].name, last);
    }
    return SLU_OK;
}

static slu_status
table_make_new(fluss_server *server, fluss_served *table, const fluss_auto_partition *of, slu_arena *arena, slu_error *err)
{
    char name[FLUSS_PARTITION_VALUE_BYTES_MAX];
    for (int64_t step = 0; table->descriptor.partition_key_count == 1 && step < of->precreate; step++) {
        SLU_TRY(fluss_auto_partition_value(of, slu_wall_ms(server->env), step, name, err));
        const slu_status made = fluss_partition_create(server, table, name, arena, err);
        if (made != SLU_OK && !(made == SLU_CONFLICT && err->code == FLUSS_ERROR_PARTITION_ALREADY_EXISTS))
            return made;
    }
    return SLU_OK;
}

/* False: there is no such table any more, or it does not want this. */
static bool
table_round(fluss_server *server, int64_t table_id)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    fluss_auto_partition of;
    fluss_served *table = NULL;
    slu_error err = {0};
    slu_arena_init(&arena, ROUND_ARENA_BYTES_MAX);
    if (fluss_tables_get_by_id(server->tables, table_id, &table, &err) != SLU_OK) {
        round_warn(server, table_id, &err);
        return err.status != SLU_NOTFOUND;
    }
    fluss_auto_partition_of(&table->descriptor, &of);
    if (!of.enabled || table->descriptor.partition_key_count == 0)
        return false;
    if (table_drop_old(server, table, &of, &arena, &err) != SLU_OK)
        round_warn(server, table_id, &err);
    if (table_make_new(server, table, &of, &arena, &err) != SLU_OK)
        round_warn(server, table_id, &err);
    return true;
}

void
fluss_auto_partitions_round(fluss_auto_partitions *partitions)
{
    size_t kept = 0;
    for (size_t i = 0; i < partitions->count; i++)
        if (table_round(partitions->server, partitions->tables[i]))
            partitions->tables[kept++] = partitions->tables[i];
    partitions->count = kept;
}

static void
timer_fired(void *context)
{
    fluss_auto_partitions *partitions = context;
    fluss_auto_partitions_round(partitions);
    slu_timer_set(partitions->timer, partitions->server->config->auto_partition_check_interval_ms);
}

/* ---- The list ---- */

void
fluss_auto_partitions_remove(fluss_auto_partitions *partitions, int64_t table_id)
{
    size_t kept = 0;
    for (size_t i = 0; i < partitions->count; i++)
        if (partitions->tables[i] != table_id)
            partitions->tables[kept++] = partitions->tables[i];
    partitions->count = kept;
}

static slu_status
list_add(fluss_auto_partitions *partitions, int64_t table_id, slu_error *err)
{
    if (partitions->count == partitions->capacity) {
        const size_t capacity = partitions->capacity == 0 ? 16 : partitions->capacity * 2;
        int64_t *tables = slu_alloc(capacity * sizeof *tables);
        if (tables == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory for %zu tables with auto partitions", capacity);
        if (partitions->count > 0)
            memcpy(tables, partitions->tables, partitions->count * sizeof *tables);
        slu_free(partitions->tables);
        partitions->tables = tables;
        partitions->capacity = capacity;
    }
    partitions->tables[partitions->count++] = table_id;
    return SLU_OK;
}

void
fluss_auto_partitions_changed(fluss_auto_partitions *partitions, int64_t table_id)
{
    slu_error err = {0};
    fluss_auto_partitions_remove(partitions, table_id);
    if (table_round(partitions->server, table_id) && list_add(partitions, table_id, &err) != SLU_OK)
        round_warn(partitions->server, table_id, &err);
}

static slu_status
catalogue_load(fluss_auto_partitions *partitions, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    fluss_catalogue *catalogue = partitions->server->catalogue;
    fluss_database_row *databases = NULL;
    size_t database_count = 0;
    slu_arena_init(&arena, ROUND_ARENA_BYTES_MAX);
    SLU_TRY(fluss_catalogue_list_databases(catalogue, &arena, &databases, &database_count, err));
    for (size_t d = 0; d < database_count; d++) {
        fluss_table_row *rows = NULL;
        size_t count = 0;
        SLU_TRY(fluss_catalogue_list_tables(catalogue, databases[d].name, &arena, &rows, &count, err));
        for (size_t i = 0; i < count; i++)
            if (strstr(rows[i].json, "\"table.auto-partition.enabled\"") != NULL)
                SLU_TRY(list_add(partitions, rows[i].id, err));
    }
    return SLU_OK;
}

slu_status
fluss_auto_partitions_open(fluss_server *server, fluss_auto_partitions **out, slu_error *err)
{
    fluss_auto_partitions *partitions = slu_alloc_zero(1, sizeof *partitions);
    if (partitions == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for auto partitions");
    partitions->server = server;
    *out = partitions; /* the server closes it, whatever comes */
    SLU_TRY(catalogue_load(partitions, err));
    SLU_TRY(slu_timer_open(server->loop, timer_fired, partitions, &partitions->timer, err));
    timer_fired(partitions);
    return SLU_OK;
}

void
fluss_auto_partitions_close(fluss_auto_partitions **partitions)
{
    fluss_auto_partitions *mine = slu_take(partitions);
    if (mine == NULL)
        return;
    slu_timer_close(&mine->timer);
    slu_free(mine->tables);
    slu_free(mine);
}
