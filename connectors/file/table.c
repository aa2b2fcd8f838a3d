#include "rows.h"

#include <sluice/sdk/rows.h>
#include <sluice/sdk/suggest.h>

#include <glob.h>

/* ---- Files ------------------------------------------------------------------------------------------------------------------ */

slu_status
file_each(const char *pattern, slu_status (*found)(void *to, const char *path, slu_error *err), void *to, slu_error *err)
{
    glob_t files;
    slu_status status = SLU_OK;
    const int rc = glob(pattern, 0, NULL, &files);
    if (rc == GLOB_NOMATCH)
        return slu_error_set(err, SLU_NOTFOUND, "path: there is no file %s", pattern);
    if (rc != 0)
        return slu_error_set(err, SLU_IO, "path: %s cannot be listed", pattern);
    for (size_t i = 0; i < files.gl_pathc && status == SLU_OK; i++)
        status = found(to, files.gl_pathv[i], err);
    globfree(&files);
    return status;
}

static bool
ends_with(const char *text, const char *end)
{
    const size_t bytes = strlen(text), end_bytes = strlen(end);
    return bytes >= end_bytes && strcmp(text + bytes - end_bytes, end) == 0;
}

bool
file_is_json(const file_options *options, const char *path)
{
    if (strcmp(options->format, "auto") != 0)
        return strcmp(options->format, "json") == 0;
    return ends_with(path, ".json") || ends_with(path, ".jsonl") || ends_with(path, ".ndjson");
}

/* ---- Schemas ---------------------------------------------------------------------------------------------------------------- */

typedef struct header_read {
    const file_options *options;
    struct ArrowSchema *out;
    bool done;
} header_read;

static slu_status
header_columns(const file_field *fields, int64_t count, struct ArrowSchema *out, slu_error *err)
{
    SLU_TRY(slu_schema_init_struct(out));
    for (int64_t i = 0; i < count; i++) {
        char name[SDK_NAME_BYTES_MAX];
        if (fields[i].bytes == 0 || fields[i].bytes >= sizeof name)
            return slu_error_set(err, SLU_INVALID, "the header's field %lld is no column name", (long long)i + 1);
        memcpy(name, fields[i].data, fields[i].bytes);
        name[fields[i].bytes] = 0;
        if (slu_schema_find(out, name) >= 0)
            return slu_error_set(err, SLU_INVALID, "the header names column '%s' twice", name);
        if (slu_schema_add(out, "u", name, true) != SLU_OK)
            return slu_error_set(err, SLU_NOMEM, "no memory for a header");
    }
    return SLU_OK;
}

/* All fields of the first record; the caller frees *fields and *scratch. */
static slu_status
header_cut(const file_options *options, file_lines *lines, file_field **fields, char **scratch, int64_t *count, slu_error *err)
{
    const char *record, *problem = NULL;
    size_t bytes;
    *fields = NULL;
    *scratch = NULL;
    const slu_status status = file_lines_next(lines, &record, &bytes, err);
    if (status == SLU_END)
        return slu_error_set(err, SLU_INVALID, "%s is empty: it has no header", lines->path);
    SLU_TRY(status);
    if (bytes >= 3 && memcmp(record, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
        record += 3;
        bytes -= 3;
    }
    *fields = calloc(SDK_COLUMNS_MAX, sizeof **fields);
    *scratch = malloc(bytes + 1);
    if (*fields == NULL || *scratch == NULL)
        return slu_error_set(err, SLU_NOMEM, "%s: no memory", lines->path);
    *count = file_csv_cut(record, bytes, options->delimiter[0], "", *scratch, *fields, SDK_COLUMNS_MAX, &problem);
    return *count < 0 ? slu_error_set(err, SLU_INVALID, "%s:1: %s", lines->path, problem) : SLU_OK;
}

static slu_status
header_schema(void *to, const char *path, slu_error *err)
{
    header_read *read = to;
    file_lines lines;
    file_field *fields = NULL;
    char *scratch = NULL;
    int64_t count = 0;
    if (read->done)
        return SLU_OK;
    read->done = true;
    if (file_is_json(read->options, path) || !read->options->header)
        return slu_error_set(err, SLU_INVALID, "columns: say which columns %s has, as in \"id BIGINT, name STRING\"", path);
    SLU_TRY(file_lines_open(&lines, path, read->options->delimiter[0], err));
    slu_status status = header_cut(read->options, &lines, &fields, &scratch, &count, err);
    if (status == SLU_OK)
        status = header_columns(fields, count, read->out, err);
    file_lines_close(&lines);
    free(fields);
    free(scratch);
    return status;
}

static slu_status
columns_check(const struct ArrowSchema *schema, slu_error *err)
{
    for (int64_t i = 0; i < schema->n_children; i++)
        if (slu_type_is_nested(slu_type_of(schema->children[i]->format)))
            return slu_error_set(err, SLU_UNSUPPORTED, "columns: '%s': nested types are not read from files",
                                 schema->children[i]->name);
    return SLU_OK;
}

slu_status
file_schema(const file_options *options, const slu_value *with, struct ArrowSchema *out, slu_error *err)
{
    struct ArrowSchema schema = {0};
    header_read read = {options, &schema, false};
    const slu_value *at = slu_value_get(with, options->columns != NULL ? "columns" : "path");
    if (strlen(options->delimiter) != 1)
        return slu_error_at(err, SLU_INVALID, slu_value_get(with, "delimiter"), 0, "delimiter: one character is expected");
    slu_status status = options->columns != NULL ? sdk_schema_from_columns(options->columns, &schema, err)
                                                 : file_each(options->path, header_schema, &read, err);
    if (status == SLU_OK)
        status = columns_check(&schema, err);
    if (status != SLU_OK) {
        slu_schema_release(&schema);
        if (err != NULL && at != NULL) {
            err->line = at->line;
            err->column = at->column;
        }
        return status;
    }
    slu_schema_move(&schema, out);
    return SLU_OK;
}

/* ---- Rows ------------------------------------------------------------------------------------------------------------------- */

slu_status
file_rows_init(file_rows *rows, const file_options *options, const struct ArrowSchema *schema, slu_error *err)
{
    const size_t columns = (size_t)schema->n_children;
    memset(rows, 0, sizeof *rows);
    rows->options = options;
    rows->schema = schema;
    rows->builders = calloc(columns + 1, sizeof *rows->builders);
    rows->fields = calloc(columns + 1, sizeof *rows->fields);
    rows->cut = calloc(SDK_COLUMNS_MAX, sizeof *rows->cut);
    rows->column_of = calloc(SDK_COLUMNS_MAX, sizeof *rows->column_of);
    if (rows->builders == NULL || rows->fields == NULL || rows->cut == NULL || rows->column_of == NULL) {
        file_rows_fini(rows);
        return slu_error_set(err, SLU_NOMEM, "no memory for rows");
    }
    for (size_t i = 0; i < columns; i++) {
        if (sdk_builder_init(&rows->builders[i], schema->children[i]->format, NULL) != SLU_OK) {
            file_rows_fini(rows);
            return slu_error_set(err, SLU_UNSUPPORTED, "column '%s' cannot be read from a file", schema->children[i]->name);
        }
    }
    return SLU_OK;
}

void
file_rows_fini(file_rows *rows)
{
    for (int64_t i = 0; rows->builders != NULL && i < rows->schema->n_children; i++)
        if (rows->builders[i].memory.free != NULL)
            sdk_builder_fini(&rows->builders[i]);
    free(rows->builders);
    free(rows->fields);
    free(rows->cut);
    free(rows->column_of);
    free(rows->scratch);
    free(rows->good);
    memset(rows, 0, sizeof *rows);
}

/* Which column each field of a CSV file is: by the header's names, or by position. */
static slu_status
fields_place(file_rows *rows, file_lines *lines, slu_error *err)
{
    file_field *fields = NULL;
    char *scratch = NULL;
    if (!rows->options->header) {
        rows->field_count = rows->schema->n_children;
        for (int64_t i = 0; i < rows->field_count; i++)
            rows->column_of[i] = (int32_t)i;
        return SLU_OK;
    }
    slu_status status = header_cut(rows->options, lines, &fields, &scratch, &rows->field_count, err);
    int64_t known = 0;
    for (int64_t i = 0; status == SLU_OK && i < rows->field_count; i++) {
        rows->column_of[i] = (int32_t)slu_schema_find_n(rows->schema, fields[i].data, fields[i].bytes);
        known += rows->column_of[i] >= 0;
    }
    for (int64_t c = 0; status == SLU_OK && known < rows->schema->n_children && c < rows->schema->n_children; c++) {
        bool there = false;
        for (int64_t i = 0; i < rows->field_count; i++)
            there = there || rows->column_of[i] == c;
        if (!there)
            status = slu_error_set(err, SLU_INVALID, "%s: the header does not name column '%s'", lines->path,
                                   rows->schema->children[c]->name);
    }
    free(fields);
    free(scratch);
    return status;
}

slu_status
file_rows_open(file_rows *rows, file_lines *lines, const char *path, int64_t offset, slu_error *err)
{
    rows->json = file_is_json(rows->options, path);
    SLU_TRY(file_lines_open(lines, path, rows->json ? 0 : rows->options->delimiter[0], err));
    slu_status status = rows->json ? SLU_OK : fields_place(rows, lines, err);
    if (status == SLU_OK && offset > lines->offset)
        status = file_lines_seek(lines, offset, err);
    if (status != SLU_OK)
        file_lines_close(lines);
    return status;
}

static bool
scratch_room(file_rows *rows, size_t bytes)
{
    if (bytes <= rows->scratch_bytes)
        return true;
    free(rows->scratch);
    rows->scratch = malloc(bytes);
    rows->scratch_bytes = rows->scratch == NULL ? 0 : bytes;
    return rows->scratch != NULL;
}

/* The record's fields by column; NULL, or what is wrong with it. */
static const char *
record_cut(file_rows *rows, const char *record, size_t bytes)
{
    const char *problem = NULL;
    memset(rows->fields, 0, (size_t)rows->schema->n_children * sizeof *rows->fields);
    if (rows->json) {
        (void)file_json_cut(record, bytes, rows->schema, rows->scratch, rows->fields, &problem);
        return problem;
    }
    const int64_t count = file_csv_cut(record, bytes, rows->options->delimiter[0], rows->options->null_text, rows->scratch,
                                       rows->cut, rows->field_count, &problem);
    if (count < 0)
        return problem;
    if (count != rows->field_count)
        return "fewer fields than columns";
    for (int64_t i = 0; i < count; i++)
        if (rows->column_of[i] >= 0)
            rows->fields[rows->column_of[i]] = rows->cut[i];
    return NULL;
}

/* Appends the row. A bad one fails with the builders out of step: row_drop. */
static slu_status
row_append(file_rows *rows, slu_error *err)
{
    for (int64_t c = 0; c < rows->schema->n_children; c++) {
        const struct ArrowSchema *column = rows->schema->children[c];
        const file_field *field = &rows->fields[c];
        if (field->kind == FILE_FIELD_VALUE)
            SLU_TRY_IN(sdk_value_parse(&rows->builders[c], field->data, field->bytes, err), err, "column '%s'", column->name);
        else if (slu_schema_nullable(column))
            sdk_builder_null(&rows->builders[c]);
        else
            return slu_error_set(err, SLU_INVALID, "column '%s' is NOT NULL and has no value", column->name);
    }
    return SLU_OK;
}

static slu_status
good_room(file_rows *rows, int64_t count, slu_error *err)
{
    if (count <= rows->good_capacity)
        return SLU_OK;
    const int64_t capacity = count * 2 > 8192 ? count * 2 : 8192;
    int32_t *wider = realloc(rows->good, (size_t)capacity * sizeof *wider);
    if (wider == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for rows");
    rows->good = wider;
    rows->good_capacity = capacity;
    return SLU_OK;
}

/* Fills up the columns that a bad row did not reach; it is left out when the batch is emitted. */
static void
row_drop(file_rows *rows)
{
    for (int64_t c = 0; c < rows->schema->n_children; c++)
        if (rows->builders[c].rows == rows->rows)
            sdk_builder_null(&rows->builders[c]);
    rows->skipped++;
}

slu_status
file_rows_next(file_rows *rows, file_lines *lines, slu_error *err)
{
    const char *record;
    size_t bytes;
    slu_error why = {0};
    const int64_t line = lines->line;
    SLU_TRY(file_lines_next(lines, &record, &bytes, err));
    if (bytes == 0) /* an empty line is no row */
        return SLU_OK;
    if (!scratch_room(rows, bytes + 1))
        return slu_error_set(err, SLU_NOMEM, "%s: no memory", lines->path);
    SLU_TRY(good_room(rows, rows->rows + 1, err));
    const char *problem = record_cut(rows, record, bytes);
    slu_status status = problem != NULL ? slu_error_set(&why, SLU_INVALID, "%s", problem) : row_append(rows, &why);
    if (status != SLU_OK) {
        if (strcmp(rows->options->on_error, "skip") != 0)
            return slu_error_set(err, status, "%s:%lld: %.800s", lines->path, (long long)line, why.message);
        row_drop(rows);
    } else {
        rows->good[rows->good_count++] = (int32_t)rows->rows;
    }
    rows->rows++;
    return SLU_OK;
}

slu_status
file_rows_finish(file_rows *rows, struct ArrowArray *out, const int32_t **good, int64_t *good_count, slu_error *err)
{
    const int64_t columns = rows->schema->n_children;
    struct ArrowArray *arrays = calloc((size_t)columns + 1, sizeof *arrays);
    slu_status status = arrays == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for rows") : SLU_OK;
    for (int64_t c = 0; c < columns && status == SLU_OK; c++)
        status = sdk_builder_finish(&rows->builders[c], &arrays[c], err);
    if (status == SLU_OK)
        status = sdk_struct(arrays, columns, rows->rows, out, err);
    for (int64_t c = 0; c < columns && arrays != NULL; c++)
        slu_array_release(&arrays[c]);
    free(arrays);
    *good = rows->good_count == rows->rows ? NULL : rows->good;
    *good_count = rows->good_count;
    rows->rows = 0;
    rows->good_count = 0;
    return status;
}
