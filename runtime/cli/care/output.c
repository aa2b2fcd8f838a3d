/* output.c: the table a lake verb is about, and how it answers. */
#include "lake_verbs.h"

#include "lake_settings.h"
#include "table.h"
#include "tables.h"
#include "values_json.h"

#include "base/assert.h"

#include <jansson.h>
#include <stdlib.h>

#define OUTPUT_BYTES_MAX ((size_t)256 << 20)

static slu_status
settings_check(const slu_args *args, slu_error *err)
{
    static const char *const known[] = {"datalake.iceberg.type", "datalake.iceberg.warehouse", "datalake.iceberg.uri"};
    for (uint32_t i = 0; i < args->setting_count; i++)
        if (strncmp(args->settings[i].name, LAKE_SETTING_PREFIX, strlen(LAKE_SETTING_PREFIX)) != 0)
            return slu_cli_unknown_setting(args->settings[i].name, known, sizeof known / sizeof known[0], err);
    return SLU_OK;
}

slu_status
lake_subject_open(const slu_args *args, lake_subject *out, slu_error *err)
{
    slu_table_name name;
    cli_lake_settings settings;
    memset(out, 0, sizeof *out);
    SLU_TRY(slu_table_name_parse(args->words[0], &name, err));
    SLU_TRY(settings_check(args, err));
    SLU_TRY(cli_lake_settings_take(args, &settings, err));
    const lake_options options = cli_lake_settings_options(&settings);
    SLU_TRY(lake_open(slu_cli_env(), &options, &out->catalog, err));
    return iceberg_catalog_load(&out->catalog, name.database, name.table, &out->table, err);
}

void
lake_subject_close(lake_subject *subject)
{
    iceberg_table_fini(&subject->table);
    iceberg_catalog_close(&subject->catalog);
}

slu_status
lake_named_snapshots(const slu_args *args, const lake_subject *subject, int64_t *ids, size_t *count, slu_error *err)
{
    SLU_AUTO(fluss_client_close) fluss_client *client = NULL;
    const char *servers = slu_args_get(args, "fluss.bootstrap.servers");
    *count = 0;
    if (servers == NULL)
        return SLU_OK;
    SLU_TRY(slu_tables_client_at(args, servers, &client, err));
    for (int readable = 0; readable < LAKE_NAMED_MAX; readable++) {
        const slu_status status =
            fluss_admin_lake_snapshot(client, subject->table.ns, subject->table.name, readable != 0, &ids[*count], NULL, 0, err);
        if (status == SLU_OK)
            ++*count;
        else if (status != SLU_NOTFOUND)
            return slu_error_in(err, status, "asking Fluss which lake snapshot it names");
    }
    return SLU_OK;
}

/* ---- Numbers --------------------------------------------------------------------------------------------------------------------- */

static int
json_print(json_t *value)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_INDENT(2));
    const int code = text != NULL && puts(text) >= 0 ? SLU_EXIT_DONE : SLU_EXIT_FAILED;
    free(text);
    json_decref(value);
    return code;
}

static int
table_print(slu_table *table)
{
    slu_error err;
    slu_buf out;
    slu_buf_init(&out, OUTPUT_BYTES_MAX);
    if (slu_table_print(table, slu_terminal_columns(), &out, &err) != SLU_OK)
        slu_buf_printf(&out, "%s\n", err.message);
    slu_table_fini(table);
    const int code = slu_cli_print(&out);
    slu_buf_fini(&out);
    return code;
}

static int
numbers_json(const char *name, bool dry_run, const lake_number *numbers, size_t count, json_t *findings)
{
    json_t *object = findings == NULL ? json_pack("{s:s, s:b}", "table", name, "dry_run", (int)dry_run)
                                      : json_pack("{s:s, s:O}", "table", name, "findings", findings);
    for (size_t i = 0; i < count; i++)
        (void)json_object_set_new(object, numbers[i].key, json_integer(numbers[i].value));
    return json_print(object);
}

int
lake_print_findings(const slu_args *args, const lake_subject *subject, const lake_number *numbers, size_t count, json_t *findings)
{
    char name[2 * SLU_NAME_BYTES_MAX];
    slu_table table;
    const bool dry_run = findings == NULL && slu_args_has(args, "dry-run");
    (void)snprintf(name, sizeof name, "%s.%s", subject->table.ns, subject->table.name);
    if (args->json)
        return numbers_json(name, dry_run, numbers, count, findings);
    slu_table_init(&table, dry_run ? "WOULD BE|>NUMBER" : "WHAT|>NUMBER");
    for (size_t i = 0; i < count; i++) {
        slu_table_cell(&table, "%s", numbers[i].label);
        slu_table_cell(&table, "%lld", (long long)numbers[i].value);
    }
    return table_print(&table);
}

int
lake_print_numbers(const slu_args *args, const lake_subject *subject, const lake_number *numbers, size_t count)
{
    return lake_print_findings(args, subject, numbers, count, NULL);
}

/* ---- Batches --------------------------------------------------------------------------------------------------------------------- */

static int
batch_json(const struct ArrowSchema *schema, const struct ArrowArray *array)
{
    json_t *rows = json_array();
    for (int64_t row = 0; row < array->length; row++) {
        json_t *object = json_object();
        for (int64_t c = 0; c < schema->n_children; c++) {
            const slu_column column = slu_column_child(schema, array, c);
            (void)json_object_set_new(object, schema->children[c]->name, slu_value_json(schema->children[c], &column, row));
        }
        (void)json_array_append_new(rows, object);
    }
    return json_print(rows);
}

static void
cell_put(slu_table *table, const struct ArrowSchema *schema, const struct ArrowArray *array, const char *name, int64_t row)
{
    sdk_text text = {0};
    const int64_t at = slu_schema_find(schema, name);
    if (at >= 0) {
        const slu_column column = slu_column_child(schema, array, at);
        if (slu_column_valid(&column, row))
            sdk_value_write(schema->children[at], &column, row, &text);
    }
    slu_table_cell(table, "%s", text.bytes == 0 ? "" : sdk_text_cstr(&text));
    sdk_text_fini(&text);
}

/* One word of "name:HEADING|>name:HEADING", into its two halves. Answers the next one; NULL: there is none. */
static const char *
column_word(const char *from, char *name, char *heading, size_t bytes)
{
    const char *bar = strchr(from, '|');
    const size_t word_bytes = bar == NULL ? strlen(from) : (size_t)(bar - from);
    const char *colon = memchr(from, ':', word_bytes);
    const bool right = from[0] == '>';
    SLU_ASSERT(colon != NULL);
    (void)snprintf(name, bytes, "%.*s", (int)(colon - from) - right, from + right);
    (void)snprintf(heading, bytes, "%s%.*s", right ? ">" : "", (int)(word_bytes - (size_t)(colon - from) - 1), colon + 1);
    return bar == NULL ? NULL : bar + 1;
}

int
lake_print_batch(const slu_args *args, const char *columns, const struct ArrowSchema *schema, const struct ArrowArray *array)
{
    char headings[512] = "";
    char name[64];
    char heading[64];
    slu_table table;
    if (args->json)
        return batch_json(schema, array);
    for (const char *at = columns; at != NULL;) {
        const size_t bytes = strlen(headings);
        at = column_word(at, name, heading, sizeof name);
        (void)snprintf(headings + bytes, sizeof headings - bytes, "%s%s", bytes == 0 ? "" : "|", heading);
    }
    slu_table_init(&table, headings);
    for (int64_t row = 0; row < array->length; row++) {
        for (const char *at = columns; at != NULL;) {
            at = column_word(at, name, heading, sizeof name);
            cell_put(&table, schema, array, name, row);
        }
    }
    return table_print(&table);
}
