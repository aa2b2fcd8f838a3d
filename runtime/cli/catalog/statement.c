/* statement.c: a table as the CREATE TABLE that makes it, in Flink's words. */
#include "change.h"

#include "fluss/record/descriptor.h"
#include "open.h"

#include <string.h>

static void
name_print(slu_buf *out, const char *name)
{
    slu_buf_u8(out, '`');
    for (; *name != 0; name++) {
        if (*name == '`')
            slu_buf_u8(out, '`');
        slu_buf_u8(out, (uint8_t)*name);
    }
    slu_buf_u8(out, '`');
}

static void
text_print(slu_buf *out, const char *text)
{
    slu_buf_u8(out, '\'');
    for (; *text != 0; text++) {
        if (*text == '\'')
            slu_buf_u8(out, '\'');
        slu_buf_u8(out, (uint8_t)*text);
    }
    slu_buf_u8(out, '\'');
}

static void
names_print(slu_buf *out, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        slu_buf_text(out, i == 0 ? "(" : ", ");
        name_print(out, names[i]);
    }
    slu_buf_text(out, ")");
}

static void
columns_print(const fluss_schema *schema, slu_buf *out)
{
    for (size_t i = 0; i < schema->column_count; i++) {
        const fluss_column *column = &schema->columns[i];
        slu_buf_text(out, i == 0 ? "\n  " : ",\n  ");
        name_print(out, column->name);
        slu_buf_text(out, " ");
        fluss_type_print(&column->type, out);
        if (column->comment != NULL) {
            slu_buf_text(out, " COMMENT ");
            text_print(out, column->comment);
        }
    }
    for (size_t i = 0; i < schema->primary_key_count; i++) {
        slu_buf_text(out, i == 0 ? ",\n  PRIMARY KEY (" : ", ");
        name_print(out, schema->columns[schema->primary_key[i]].name);
    }
    slu_buf_text(out, schema->primary_key_count > 0 ? ") NOT ENFORCED\n)" : "\n)");
}

static void
option_print(slu_buf *out, const char *key, const char *value)
{
    slu_buf_text(out, ",\n  ");
    text_print(out, key);
    slu_buf_text(out, " = ");
    text_print(out, value);
}

static void
options_print(const fluss_descriptor *of, int32_t buckets, slu_buf *out)
{
    slu_buf_printf(out, " WITH (\n  'bucket.num' = '%d'", buckets);
    for (size_t i = 0; i < of->bucket_key_count; i++)
        slu_buf_printf(out, "%s%s%s", i == 0 ? ",\n  'bucket.key' = '" : ",", of->bucket_keys[i],
                       i + 1 == of->bucket_key_count ? "'" : "");
    if (of->schema.auto_increment_column != NULL)
        option_print(out, "auto-increment.fields", of->schema.auto_increment_column);
    for (size_t i = 0; i < of->property_count; i++)
        option_print(out, of->properties[i].key, of->properties[i].value);
    for (size_t i = 0; i < of->custom_property_count; i++)
        option_print(out, of->custom_properties[i].key, of->custom_properties[i].value);
    slu_buf_text(out, "\n);\n");
}

slu_status
cli_table_statement(fluss_client *client, const char *database, const char *table, slu_buf *out, slu_error *err)
{
    SLU_AUTO(fluss_target_close) fluss_target *target = NULL;
    SLU_TRY(cli_target_open(client, database, table, &target, err));
    const fluss_descriptor *of = fluss_target_table(target)->descriptor;
    slu_buf_text(out, "CREATE TABLE ");
    name_print(out, database);
    slu_buf_text(out, ".");
    name_print(out, table);
    slu_buf_text(out, " (");
    columns_print(&of->schema, out);
    if (of->comment != NULL) {
        slu_buf_text(out, " COMMENT ");
        text_print(out, of->comment);
    }
    if (of->partition_key_count > 0) {
        slu_buf_text(out, " PARTITIONED BY ");
        names_print(out, of->partition_keys, of->partition_key_count);
    }
    options_print(of, fluss_target_table(target)->bucket_count, out);
    return slu_buf_status(out, err);
}
