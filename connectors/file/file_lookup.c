/*
 * file_lookup.c: a small table from a file, held in memory and found by key: a dimension for a lookup join.
 *
 * The whole file is read when the lookup opens. Of rows with the same key the last one counts; rows whose key has a null are not found.
 */
#include "rows.h"

#include <sluice/sdk/keys.h>
#include <sluice/sdk/map.h>
#include <sluice/sdk/suggest.h>

typedef struct lookup_options {
    file_options file;
    int64_t rows_max;
} lookup_options;

typedef struct file_lookup {
    slu_host *host;
    const lookup_options *options;
    struct ArrowSchema schema; /* of the file */
    const struct ArrowSchema *wanted;
    struct ArrowArray array;
    sdk_keys table_keys, keys;
    sdk_map map;     /* key to number */
    int32_t *row_of; /* by number */
    int32_t *rows;
    uint8_t *found;
    int64_t capacity;
} file_lookup;

static const slu_option lookup_option_table[] = {FILE_OPTIONS(lookup_options, file),
                                                 SLU_OPTION("rows-max", I64, lookup_options, rows_max, "10000000",
                                                            "refuses a file with more rows", .min = 1, .max = 2000000000)};

static slu_status
keys_check(const struct ArrowSchema *schema, const struct ArrowSchema *keys, slu_error *err)
{
    for (int64_t i = 0; i < keys->n_children; i++) {
        const int64_t at = sdk_column_find(schema, keys->children[i]->name, err);
        if (at < 0)
            return SLU_INVALID;
        if (strcmp(schema->children[at]->format, keys->children[i]->format) != 0) {
            char has[64], asked[64];
            SLU_TRY(sdk_format_to_sql(schema->children[at]->format, has, sizeof has, err));
            SLU_TRY(sdk_format_to_sql(keys->children[i]->format, asked, sizeof asked, err));
            return slu_error_set(err, SLU_INVALID, "key column '%s' is %s in the file and %s in the question",
                                 keys->children[i]->name, has, asked);
        }
    }
    return SLU_OK;
}

static slu_status
lookup_plan(slu_plan_call *call, slu_error *err)
{
    const lookup_options *options = call->options;
    SLU_TRY(file_schema(&options->file, call->with, &call->outputs[0], err));
    const slu_status status = keys_check(&call->outputs[0], call->inputs[0], err);
    if (status != SLU_OK)
        slu_schema_release(&call->outputs[0]);
    return status;
}

/* ---- Loading ---------------------------------------------------------------------------------------------------------------- */

typedef struct loading {
    file_rows rows;
    int64_t rows_max;
} loading;

static slu_status
load_file(void *to, const char *path, slu_error *err)
{
    loading *load = to;
    file_lines lines;
    SLU_TRY(file_rows_open(&load->rows, &lines, path, 0, err));
    slu_status status = SLU_OK;
    while (status == SLU_OK) {
        status = file_rows_next(&load->rows, &lines, err);
        if (load->rows.rows > load->rows_max)
            status = slu_error_set(err, SLU_LIMIT, "%s has more than rows-max (%lld) rows", path, (long long)load->rows_max);
    }
    file_lines_close(&lines);
    return status == SLU_END ? SLU_OK : status;
}

static const uint8_t *
key_at(const sdk_keys *keys, int64_t i, uint32_t *bytes)
{
    *bytes = keys->key_bytes != 0 ? keys->key_bytes : (uint32_t)(keys->offsets[i + 1] - keys->offsets[i]);
    return keys->data + (keys->key_bytes != 0 ? (int64_t)keys->key_bytes * i : keys->offsets[i]);
}

/* Canonical keys begin each column with a byte that is 0 for null; the columns tell where. */
static bool
key_has_null(const sdk_keys *keys, const slu_batch *batch, int64_t row)
{
    for (uint32_t c = 0; c < keys->column_count; c++) {
        const slu_column column = slu_batch_column(batch, keys->columns[c]);
        if (!slu_column_valid(&column, row))
            return true;
    }
    return false;
}

static slu_status
index_make(file_lookup *self, const int32_t *good, int64_t good_count, slu_error *err)
{
    const slu_batch batch = {
        .size = sizeof batch, .rows = good_count, .schema = &self->schema, .array = &self->array, .selection = good};
    SLU_TRY(sdk_keys_encode(&self->table_keys, &batch, NULL, 0, err));
    self->row_of = malloc(((size_t)good_count + 1) * sizeof *self->row_of);
    if (self->row_of == NULL)
        return slu_error_set(err, SLU_NOMEM, "file_lookup: no memory");
    for (int64_t i = 0; i < good_count; i++) {
        uint32_t bytes;
        bool added;
        const int64_t row = slu_batch_row(&batch, i);
        if (key_has_null(&self->table_keys, &batch, row))
            continue;
        const uint8_t *key = key_at(&self->table_keys, i, &bytes);
        const int32_t number = sdk_map_put(&self->map, self->table_keys.hashes[i], key, bytes, &added);
        if (number < 0)
            return slu_error_set(err, SLU_NOMEM, "file_lookup: no memory");
        self->row_of[number] = (int32_t)row;
    }
    return SLU_OK;
}

static slu_status
table_load(file_lookup *self, slu_error *err)
{
    loading load = {.rows_max = self->options->rows_max};
    const int32_t *good = NULL;
    int64_t good_count = 0;
    SLU_TRY(file_rows_init(&load.rows, &self->options->file, &self->schema, err));
    slu_status status = file_each(self->options->file.path, load_file, &load, err);
    if (status == SLU_OK)
        status = file_rows_finish(&load.rows, &self->array, &good, &good_count, err);
    if (status == SLU_OK)
        status = index_make(self, good, good_count, err);
    file_rows_fini(&load.rows);
    return status;
}

/* ---- Life ------------------------------------------------------------------------------------------------------------------- */

static void
lookup_close(void *instance)
{
    file_lookup *self = instance;
    slu_array_release(&self->array);
    slu_schema_release(&self->schema);
    sdk_keys_fini(&self->table_keys);
    sdk_keys_fini(&self->keys);
    sdk_map_fini(&self->map);
    free(self->row_of);
    free(self->rows);
    free(self->found);
    memset(self, 0, sizeof *self);
}

static slu_status
keys_open(file_lookup *self, const struct ArrowSchema *keys, slu_error *err)
{
    const char *names[SDK_KEY_COLUMNS_MAX];
    if (keys->n_children > SDK_KEY_COLUMNS_MAX)
        return slu_error_set(err, SLU_LIMIT, "file_lookup: more than %d key columns", SDK_KEY_COLUMNS_MAX);
    for (int64_t i = 0; i < keys->n_children; i++)
        names[i] = keys->children[i]->name;
    SLU_TRY(keys_check(&self->schema, keys, err));
    SLU_TRY(sdk_keys_init(&self->table_keys, &self->schema, names, (uint32_t)keys->n_children, err));
    return sdk_keys_init(&self->keys, keys, names, (uint32_t)keys->n_children, err);
}

static slu_status
lookup_open(void *instance, const slu_open *open, slu_error *err)
{
    file_lookup *self = instance;
    self->host = open->host;
    self->options = open->options;
    self->wanted = open->outputs[0];
    sdk_map_init(&self->map);
    slu_status status = file_schema(&self->options->file, open->with, &self->schema, err);
    if (status == SLU_OK)
        status = keys_open(self, open->inputs[0], err);
    for (int64_t i = 0; status == SLU_OK && i < self->wanted->n_children; i++)
        if (sdk_column_find(&self->schema, self->wanted->children[i]->name, err) < 0)
            status = SLU_INVALID;
    if (status == SLU_OK)
        status = table_load(self, err);
    if (status != SLU_OK)
        lookup_close(self);
    return status;
}

/* ---- Answers ---------------------------------------------------------------------------------------------------------------- */

static slu_status
answer_room(file_lookup *self, int64_t rows, slu_error *err)
{
    if (rows <= self->capacity)
        return SLU_OK;
    free(self->rows);
    free(self->found);
    self->rows = malloc((size_t)rows * sizeof *self->rows);
    self->found = malloc((size_t)rows);
    self->capacity = self->rows != NULL && self->found != NULL ? rows : 0;
    return self->capacity != 0 ? SLU_OK : slu_error_set(err, SLU_NOMEM, "file_lookup: no memory");
}

static void
rows_find(file_lookup *self, const slu_batch *keys)
{
    sdk_map_find_many(&self->map, &self->keys.shown, self->rows);
    for (int64_t i = 0; i < keys->rows; i++) {
        self->found[i] = self->rows[i] >= 0;
        if (self->found[i])
            self->rows[i] = self->row_of[self->rows[i]];
    }
}

static slu_status
answer_make(file_lookup *self, int64_t rows, struct ArrowArray *out, slu_error *err)
{
    struct ArrowArray *columns = calloc((size_t)self->wanted->n_children + 1, sizeof *columns);
    slu_status status = columns == NULL ? slu_error_set(err, SLU_NOMEM, "file_lookup: no memory") : SLU_OK;
    for (int64_t c = 0; c < self->wanted->n_children && status == SLU_OK; c++) {
        const int64_t at = slu_schema_find(&self->schema, self->wanted->children[c]->name);
        const slu_column column = slu_column_child(&self->schema, &self->array, at);
        status = sdk_gather(self->schema.children[at], &column, self->rows, rows, NULL, &columns[c], err);
    }
    if (status == SLU_OK)
        status = sdk_struct(columns, self->wanted->n_children, rows, out, err);
    for (int64_t c = 0; c < self->wanted->n_children && columns != NULL; c++)
        slu_array_release(&columns[c]);
    free(columns);
    return status;
}

static slu_status
lookup_submit(void *instance, uint64_t token, const slu_batch *keys, slu_error *err)
{
    file_lookup *self = instance;
    struct ArrowArray values;
    SLU_TRY(answer_room(self, keys->rows, err));
    SLU_TRY(sdk_keys_encode(&self->keys, keys, NULL, 0, err));
    rows_find(self, keys);
    SLU_TRY(answer_make(self, keys->rows, &values, err));
    return self->host->lookup_answer(self->host, token, &values, self->found, NULL);
}

static const slu_lookup_ops lookup_ops = {
    .size = sizeof lookup_ops, .open = lookup_open, .submit = lookup_submit, .close = lookup_close};

const slu_plugin file_lookup_plugin = {.size = sizeof file_lookup_plugin,
                                       .kind = SLU_KIND_LOOKUP,
                                       .name = "file_lookup",
                                       .help = "Looks rows up in a CSV or JSON file held in memory",
                                       .options = lookup_option_table,
                                       .option_count = sizeof lookup_option_table / sizeof *lookup_option_table,
                                       .options_bytes = sizeof(lookup_options),
                                       .instance_bytes = sizeof(file_lookup),
                                       .state_version = 1,
                                       .input_min = 1,
                                       .input_max = 1,
                                       .output_count = 1,
                                       .plan = lookup_plan,
                                       .ops = &lookup_ops};
