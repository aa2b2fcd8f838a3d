#include "key_filter.h"

#include "batch/batch.h"
#include "fluss/record/key.h"

#include <inttypes.h>

#include <sluice/sdk/columns_build.h>
#include <sluice/sdk/rows.h>

#define KEY_COLUMNS_MAX 64

void
cli_key_fini(cli_key *key)
{
    slu_schema_release(&key->schema);
    slu_array_release(&key->row);
}

static const slu_sql_filter *
equality(const slu_sql_filter *filters, uint32_t count, int32_t column)
{
    for (uint32_t i = 0; i < count; i++)
        if (filters[i].op == SLU_SQL_EQ && filters[i].column == (uint32_t)column && (filters[i].type == 1 || filters[i].type == 3))
            return &filters[i];
    return NULL;
}

/* One value as a column of one row. */
static bool
column_make(const slu_sql_filter *filter, const struct ArrowSchema *field, struct ArrowArray *out)
{
    char digits[32];
    sdk_builder builder;
    const char *text = filter->text;
    if (filter->type == 1) {
        (void)snprintf(digits, sizeof digits, "%" PRId64, filter->i64);
        text = digits;
    }
    if (sdk_builder_init(&builder, field->format, NULL) != SLU_OK)
        return false;
    const bool made =
        sdk_value_parse(&builder, text, strlen(text), NULL) == SLU_OK && sdk_builder_finish(&builder, out, NULL) == SLU_OK;
    sdk_builder_fini(&builder);
    return made;
}

bool
cli_key_of(const fluss_table *table, const int32_t *columns, size_t count, const slu_sql_filter *filters, uint32_t filter_count,
           cli_key *out)
{
    struct ArrowArray made[KEY_COLUMNS_MAX];
    cli_key key = {0};
    size_t done = 0;
    memset(made, 0, sizeof made);
    bool whole = count > 0 && count <= KEY_COLUMNS_MAX && slu_schema_init_struct(&key.schema) == SLU_OK;
    for (; whole && done < count; done++) {
        const struct ArrowSchema *field = table->arrow.children[columns[done]];
        const slu_sql_filter *filter = equality(filters, filter_count, columns[done]);
        whole = filter != NULL && slu_schema_add(&key.schema, field->format, field->name, false) == SLU_OK &&
                column_make(filter, field, &made[done]);
    }
    whole = whole && sdk_struct(made, (int64_t)count, 1, &key.row, NULL) == SLU_OK;
    for (size_t i = 0; i < count && i < KEY_COLUMNS_MAX; i++)
        slu_array_release(&made[i]);
    if (whole)
        *out = key;
    else
        cli_key_fini(&key);
    return whole;
}

int32_t
cli_bucket_wanted(const fluss_table *table, const slu_sql_filter *filters, uint32_t filter_count)
{
    cli_key key;
    int32_t bucket = -1;
    if (table->bucket_column_count == 0 ||
        !cli_key_of(table, table->bucket_columns, table->bucket_column_count, filters, filter_count, &key))
        return -1;
    if (fluss_table_buckets(table, &key.schema, &key.row, NULL, 1, &bucket, NULL) != SLU_OK)
        bucket = -1;
    cli_key_fini(&key);
    return bucket;
}
