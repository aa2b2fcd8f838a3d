#include "partitions_table.h"

#include "array_scan.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "batch/batch.h"
#include "fluss/client/admin.h"

#include <sluice/sdk/columns_build.h>

#define ARENA_BYTES_MAX ((size_t)64 << 20)
#define PARTITIONS_MAX 100000

typedef struct partitions_table {
    slu_sql_table base; /* first */
    struct ArrowSchema schema;
    slu_arena arena;
    size_t key_count;
    size_t count;
    bool too_many; /* more than PARTITIONS_MAX */
    int64_t *ids;
    const char **values; /* name and the keys of each, key_count + 1 a row */
} partitions_table;

/* ---- Collecting ---- */

static void
partition_found(void *to, int64_t id, const fluss_spec *spec)
{
    partitions_table *self = to;
    SLU_AUTO(slu_buf_fini) slu_buf name = {0};
    if (self->count == PARTITIONS_MAX) {
        self->too_many = true;
        return;
    }
    slu_buf_init(&name, 1 << 16);
    const char **row = &self->values[self->count * (self->key_count + 1)];
    for (size_t k = 0; k < self->key_count; k++) {
        const char *value = "";
        for (size_t i = 0; i < spec->count; i++)
            if (strcmp(spec->keys[i], self->schema.children[k + 2]->name) == 0)
                value = spec->values[i];
        row[k + 1] = slu_arena_strdup(&self->arena, value);
        slu_buf_printf(&name, "%s%s", k == 0 ? "" : "$", value);
    }
    row[0] = slu_arena_strdup(&self->arena, slu_buf_cstr(&name));
    self->ids[self->count++] = id;
}

static slu_status
schema_make(partitions_table *self, const fluss_table *table, slu_error *err)
{
    slu_status status = slu_schema_init_struct(&self->schema);
    if (status == SLU_OK)
        status = slu_schema_add(&self->schema, "u", "partition", false);
    if (status == SLU_OK)
        status = slu_schema_add(&self->schema, "l", "partition_id", false);
    for (size_t k = 0; k < table->descriptor->partition_key_count && status == SLU_OK; k++)
        status = slu_schema_add(&self->schema, "u", table->descriptor->partition_keys[k], false);
    self->key_count = table->descriptor->partition_key_count;
    return status == SLU_OK ? SLU_OK : slu_error_set(err, status, "no memory for a schema");
}

static slu_status
table_fill(partitions_table *self, fluss_client *client, const char *database, const char *name, slu_error *err)
{
    fluss_target *target = NULL;
    SLU_TRY(fluss_target_open(client, database, name, &target, err));
    slu_status status = fluss_target_wait(target, 30000, err);
    if (status == SLU_OK)
        status = schema_make(self, fluss_target_table(target), err);
    fluss_target_close(&target);
    SLU_TRY(status);
    self->ids = slu_arena_array(&self->arena, PARTITIONS_MAX, sizeof *self->ids);
    self->values = slu_arena_array(&self->arena, PARTITIONS_MAX * (self->key_count + 1), sizeof *self->values);
    SLU_TRY(slu_arena_status(&self->arena, err));
    SLU_TRY(fluss_admin_list_partitions(client, database, name, NULL, partition_found, self, err));
    if (self->too_many)
        return slu_error_set(err, SLU_LIMIT, "table %s.%s has more than %d partitions", database, name, PARTITIONS_MAX);
    return slu_arena_status(&self->arena, err);
}

/* ---- Rows ---- */

static slu_status
column_make(const partitions_table *self, uint32_t column, struct ArrowArray *out, slu_error *err)
{
    sdk_builder builder;
    slu_status status = sdk_builder_init(&builder, self->schema.children[column]->format, NULL);
    for (size_t i = 0; i < self->count && status == SLU_OK; i++) {
        const char *text = self->values[i * (self->key_count + 1) + (column == 0 ? 0 : column - 1)];
        if (column == 1)
            sdk_builder_i64(&builder, self->ids[i]);
        else
            sdk_builder_bytes(&builder, text, strlen(text));
    }
    if (status == SLU_OK)
        status = sdk_builder_finish(&builder, out, err);
    sdk_builder_fini(&builder);
    return status;
}

static slu_status
table_scan(slu_sql_table *base, const slu_sql_scan_spec *spec, slu_sql_scan **out, slu_error *err)
{
    const partitions_table *self = (const partitions_table *)base;
    struct ArrowArray rows = {0};
    struct ArrowArray *columns = slu_alloc_zero(spec->column_count + 1, sizeof *columns);
    slu_status status = columns == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for a scan") : SLU_OK;
    for (uint32_t i = 0; i < spec->column_count && status == SLU_OK; i++)
        status = column_make(self, spec->columns[i], &columns[i], err);
    if (status == SLU_OK)
        status = sdk_struct(columns, spec->column_count, (int64_t)self->count, &rows, err);
    for (uint32_t i = 0; columns != NULL && i < spec->column_count; i++)
        slu_array_release(&columns[i]);
    slu_free(columns);
    return status == SLU_OK ? cli_array_scan_new(&rows, out, err) : status;
}

static void
table_close(slu_sql_table *base)
{
    partitions_table *self = (partitions_table *)base;
    slu_schema_release(&self->schema);
    slu_arena_fini(&self->arena);
    slu_free(self);
}

slu_status
cli_partitions_table_new(fluss_client *client, const char *database, const char *table, slu_sql_table **out, slu_error *err)
{
    partitions_table *self = slu_alloc_zero(1, sizeof *self);
    if (self == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for table %s.%s", database, table);
    slu_arena_init(&self->arena, ARENA_BYTES_MAX);
    const slu_status status = table_fill(self, client, database, table, err);
    if (status != SLU_OK) {
        table_close(&self->base);
        return status;
    }
    self->base = (slu_sql_table){.schema = &self->schema, .scan = table_scan, .close = table_close};
    *out = &self->base;
    return SLU_OK;
}
