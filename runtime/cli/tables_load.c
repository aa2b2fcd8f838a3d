/*
 * tables_load.c: `tables load`: lines of a file into a table, by its client's own writer.
 *
 * CSV: the first line names the columns; values are separated by commas, "quoted" where they hold one, "" is a quote inside; an empty
 * value is null, an empty quoted one is an empty text. JSON lines: an object a line; a missing or null member is null.
 */
#include "tables.h"

#include "base/limits.h"
#include "cli/catalog/row_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#define LOAD_LINE_BYTES_MAX ((size_t)SLU_ROW_BYTES_MAX)

typedef struct loading {
    const slu_args *args;
    fluss_client *client;
    fluss_target *target;
    cli_row_writer *writer;
    FILE *file;
    bool json;
    char *line;
    size_t line_capacity;
    uint64_t line_number;
    int32_t csv_columns[SLU_COLUMNS_MAX]; /* column of the n-th value of a line */
    uint32_t csv_count;
} loading;

static const struct ArrowSchema *
table_arrow(const loading *l)
{
    return &fluss_target_table(l->target)->arrow;
}

/* ---- Lines ----------------------------------------------------------------------------------------------------------------------- */

/* Cuts the next value out of a line of CSV, in place. *out NULL: an empty one, null. */
static slu_status
csv_value(char **at, char **out, size_t *out_bytes, bool *more, slu_error *err)
{
    char *from = *at, *to = *at, *read = *at;
    if (*read != '"') {
        const size_t bytes = strcspn(read, ",");
        *more = read[bytes] == ',';
        *out = bytes == 0 ? NULL : from;
        *out_bytes = bytes;
        *at = read + bytes + *more;
        return SLU_OK;
    }
    for (read++; *read != 0; read++) {
        if (*read == '"' && read[1] != '"')
            break;
        read += *read == '"';
        *to++ = *read;
    }
    if (*read != '"' || (read[1] != ',' && read[1] != 0))
        return slu_error_set(err, SLU_INVALID, "a quoted value does not end with a quote");
    *more = read[1] == ',';
    *out = from;
    *out_bytes = (size_t)(to - from);
    *at = read + 1 + *more;
    return SLU_OK;
}

static slu_status
csv_heading(loading *l, char *line, slu_error *err)
{
    bool more = true;
    for (char *value; more; l->csv_count++) {
        size_t bytes = 0;
        char name[SLU_NAME_BYTES_MAX];
        SLU_TRY(csv_value(&line, &value, &bytes, &more, err));
        if (l->csv_count == SLU_COLUMNS_MAX || value == NULL || bytes >= sizeof name)
            return slu_error_set(err, SLU_INVALID, "a heading is empty or too long, or there are too many");
        (void)snprintf(name, sizeof name, "%.*s", (int)bytes, value);
        const int64_t column = slu_schema_find(table_arrow(l), name);
        if (column < 0)
            return slu_error_set(err, SLU_INVALID, "the table has no column %s", name);
        l->csv_columns[l->csv_count] = (int32_t)column;
    }
    return SLU_OK;
}

static slu_status
csv_row(loading *l, char *line, slu_error *err)
{
    bool more = true;
    uint32_t count = 0;
    for (char *value; more; count++) {
        size_t bytes = 0;
        SLU_TRY(csv_value(&line, &value, &bytes, &more, err));
        if (count == l->csv_count)
            return slu_error_set(err, SLU_INVALID, "more values than headings (%u)", l->csv_count);
        if (value != NULL)
            SLU_TRY(cli_row_writer_value(l->writer, l->csv_columns[count], value, bytes, err));
    }
    if (count != l->csv_count)
        return slu_error_set(err, SLU_INVALID, "%u values under %u headings", count, l->csv_count);
    return cli_row_writer_row(l->writer, err);
}

static slu_status
json_member(loading *l, const char *name, const json_t *value, slu_error *err)
{
    const int64_t column = slu_schema_find(table_arrow(l), name);
    if (column < 0)
        return slu_error_set(err, SLU_INVALID, "the table has no column %s", name);
    if (json_is_null(value))
        return SLU_OK;
    if (json_is_string(value))
        return cli_row_writer_value(l->writer, (int32_t)column, json_string_value(value), json_string_length(value), err);
    if (json_is_boolean(value))
        return cli_row_writer_value(l->writer, (int32_t)column, json_is_true(value) ? "true" : "false", json_is_true(value) ? 4 : 5,
                                    err);
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    const slu_status status = text == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for a value")
                                           : cli_row_writer_value(l->writer, (int32_t)column, text, strlen(text), err);
    free(text);
    return status;
}

static slu_status
json_row(loading *l, const char *line, size_t bytes, slu_error *err)
{
    json_error_t where;
    json_t *object = json_loadb(line, bytes, JSON_REJECT_DUPLICATES, &where);
    if (object == NULL)
        return slu_error_set(err, SLU_INVALID, "not JSON: %s", where.text);
    slu_status status = json_is_object(object) ? SLU_OK : slu_error_set(err, SLU_INVALID, "not a JSON object");
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        if (status == SLU_OK)
            status = json_member(l, name, value, err);
    }
    json_decref(object);
    return status == SLU_OK ? cli_row_writer_row(l->writer, err) : status;
}

/* ---- The file -------------------------------------------------------------------------------------------------------------------- */

static slu_status
line_take(loading *l, size_t bytes, slu_error *err)
{
    while (bytes > 0 && (l->line[bytes - 1] == '\n' || l->line[bytes - 1] == '\r'))
        l->line[--bytes] = 0;
    if (bytes == 0)
        return SLU_OK;
    if (bytes > LOAD_LINE_BYTES_MAX || memchr(l->line, 0, bytes) != NULL)
        return slu_error_set(err, SLU_INVALID, "a line with a zero byte, or of more than %zu bytes", LOAD_LINE_BYTES_MAX);
    if (l->json)
        return json_row(l, l->line, bytes, err);
    return l->csv_count == 0 ? csv_heading(l, l->line, err) : csv_row(l, l->line, err);
}

static slu_status
file_take(loading *l, slu_error *err)
{
    ssize_t bytes;
    while ((bytes = getline(&l->line, &l->line_capacity, l->file)) >= 0 && !slu_cli_interrupted()) {
        l->line_number++;
        const slu_status status = line_take(l, (size_t)bytes, err);
        if (status != SLU_OK)
            return slu_error_in(err, status, "%s:%" PRIu64, l->args->words[1], l->line_number);
    }
    if (ferror(l->file))
        return slu_error_set(err, SLU_IO, "%s: %s", l->args->words[1], strerror(errno));
    return cli_row_writer_finish(l->writer, TABLES_TIMEOUT_MS, err);
}

static bool
name_ends(const char *name, const char *end)
{
    const size_t bytes = strlen(name), end_bytes = strlen(end);
    return bytes >= end_bytes && strcmp(name + bytes - end_bytes, end) == 0;
}

static slu_status
load_open(loading *l, slu_error *err)
{
    const char *path = l->args->words[1];
    const char *format = slu_args_get(l->args, "format");
    if (format != NULL && strcmp(format, "json") != 0 && strcmp(format, "csv") != 0)
        return slu_error_set(err, SLU_INVALID, "--format: '%s' is not csv or json", format);
    l->json = format != NULL ? strcmp(format, "json") == 0
                             : name_ends(path, ".json") || name_ends(path, ".jsonl") || name_ends(path, ".ndjson");
    l->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (l->file == NULL)
        return slu_error_set(err, SLU_IO, "%s: %s", path, strerror(errno));
    SLU_TRY(slu_tables_client(l->args, &l->client, err));
    SLU_TRY(slu_tables_target(l->client, l->args->words[0], &l->target, err));
    return cli_row_writer_open(l->target, &l->writer, err);
}

static void
load_close(loading *l)
{
    cli_row_writer_close(&l->writer);
    fluss_target_close(&l->target);
    fluss_client_close(&l->client);
    if (l->file != NULL && l->file != stdin)
        (void)fclose(l->file);
    free(l->line);
}

int
slu_tables_load(const slu_args *args)
{
    static loading l; /* large; one per process */
    slu_error err;
    l.args = args;
    slu_cli_catch_signals();
    slu_status status = load_open(&l, &err);
    if (status == SLU_OK)
        status = file_take(&l, &err);
    const uint64_t rows = l.writer == NULL ? 0 : cli_row_writer_rows(l.writer);
    load_close(&l);
    if (status != SLU_OK && slu_cli_interrupted())
        (void)slu_error_set(&err, status, "interrupted: of the %" PRIu64 " rows read so far some may be stored", rows);
    if (status != SLU_OK)
        return slu_tables_fail(args, &err);
    if (args->json)
        (void)printf("{\"rows\": %" PRIu64 "}\n", rows);
    else
        (void)printf("%" PRIu64 " rows loaded into %s\n", rows, args->words[0]);
    return slu_cli_interrupted() ? SLU_EXIT_FAILED : SLU_EXIT_DONE;
}
