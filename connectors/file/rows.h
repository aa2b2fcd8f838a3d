/*
 * rows.h: rows of CSV files and of files with a JSON object a line, into column builders.
 *
 * Formats  CSV as RFC 4180 has it: fields between delimiters, "quoted" where they hold one, a quote inside doubled, quoted line breaks
 *          allowed, lines end with LF or CR LF. A field that is the `null` text, unquoted, is null (by default the empty one).
 *          JSON lines: one object a line; members are found by name, unknown ones passed over, missing ones are null; numbers, texts,
 *          true and false become the column's type; an object or array becomes the text of itself in a STRING column.
 * Owns     a file_lines owns its descriptor and buffer; a file_rows its builders (fini; safe on zeroed ones).
 * Threads  owner. Reading blocks: local files only.
 * Errors   INVALID with file and line for a row that does not fit; IO with the path; LIMIT for a record above FILE_RECORD_BYTES_MAX.
 * Limits   FILE_RECORD_BYTES_MAX, FILE_JSON_DEPTH_MAX, SDK_COLUMNS_MAX columns.
 */
#ifndef FILE_ROWS_H
#define FILE_ROWS_H

#include <sluice/sdk/columns_build.h>
#include <sluice/sdk/types.h>

#include <sluice/plugin.h>

#define FILE_RECORD_BYTES_MAX ((size_t)16 << 20)
#define FILE_JSON_DEPTH_MAX 64

/* ---- Options, shared by source and lookup ---- */

typedef struct file_options {
    const char *path;
    const char *format;
    const char *columns;
    const char *delimiter;
    const char *null_text;
    const char *on_error;
    uint32_t header;
} file_options;

#define FILE_OPTIONS(OPTIONS, AT)                                                                                                  \
    SLU_OPTION("path", STRING, OPTIONS, AT.path, NULL, "a file, or a pattern such as data/*.csv", .flags = SLU_OPTION_REQUIRED),   \
        SLU_OPTION("format", CHOICE, OPTIONS, AT.format, "auto", "auto goes by the file's name", .choices = "auto|csv|json"),      \
        SLU_OPTION(                                                                                                                \
            "columns", STRING, OPTIONS, AT.columns, NULL,                                                                          \
            "the columns and their types, \"id BIGINT NOT NULL, name STRING\"; left out: a CSV header's names, all STRING"),       \
        SLU_OPTION("header", BOOL, OPTIONS, AT.header, "true", "CSV: the first line names the columns"),                           \
        SLU_OPTION("delimiter", STRING, OPTIONS, AT.delimiter, ",", "CSV: one character between fields"),                          \
        SLU_OPTION("null", STRING, OPTIONS, AT.null_text, "", "CSV: the unquoted text that means NULL"),                           \
        SLU_OPTION("on-error", CHOICE, OPTIONS, AT.on_error, "fail", "what a bad row does", .choices = "fail|skip")

/* ---- Records: lines.c ---- */

typedef struct file_lines {
    int fd;
    char *path;
    char delimiter; /* CSV: a record ends only outside quotes; 0: at every LF */
    char *buffer;
    size_t capacity, start, end; /* bytes start .. end are not consumed yet */
    int64_t offset;              /* in the file, of buffer[start] */
    int64_t line;                /* of the next record, 1-based; from where reading began */
    bool at_end;
} file_lines;

SLU_CHECK slu_status file_lines_open(file_lines *lines, const char *path, char delimiter, slu_error *err);
void file_lines_close(file_lines *lines);
SLU_CHECK slu_status file_lines_seek(file_lines *lines, int64_t offset, slu_error *err);
/* The next record without its line end, valid until the next call; END when there is none. */
SLU_CHECK slu_status file_lines_next(file_lines *lines, const char **out, size_t *out_bytes, slu_error *err);

/* ---- Fields: csv.c, json.c ---- */

#define FILE_FIELD_MISSING 0
#define FILE_FIELD_NULL 1
#define FILE_FIELD_VALUE 2

typedef struct file_field {
    int32_t kind;
    const char *data; /* in the record or in scratch */
    size_t bytes;
} file_field;

/* Cuts a record into its fields; scratch has room for `bytes`. Answers the count, or -1 with *problem. */
int64_t file_csv_cut(const char *record, size_t bytes, char delimiter, const char *null_text, char *scratch, file_field *fields,
                     int64_t fields_max, const char **problem);
/* Fills fields[i] for the schema's column i. */
bool file_json_cut(const char *record, size_t bytes, const struct ArrowSchema *schema, char *scratch, file_field *fields,
                   const char **problem);

/* ---- Rows: table.c ---- */

typedef struct file_rows {
    const file_options *options;
    const struct ArrowSchema *schema;
    bool json;
    sdk_builder *builders;
    file_field *fields, *cut;
    int32_t *column_of;  /* CSV: the schema's column of a field; -1: not wanted */
    int64_t field_count; /* CSV: fields of a record */
    char *scratch;
    size_t scratch_bytes;
    int64_t rows;    /* appended since the last finish */
    int64_t skipped; /* bad rows, with on-error skip */
    int32_t *good;   /* rows that are whole, when some are not */
    int64_t good_count, good_capacity;
} file_rows;

bool file_is_json(const file_options *options, const char *path);
/* The schema that the options (and, without `columns`, the first file's header) say. */
SLU_CHECK slu_status file_schema(const file_options *options, const slu_value *with, struct ArrowSchema *out, slu_error *err);
SLU_CHECK slu_status file_rows_init(file_rows *rows, const file_options *options, const struct ArrowSchema *schema, slu_error *err);
void file_rows_fini(file_rows *rows);
/* Opens a file at an offset (0: its start) and, for CSV, reads the header, so that fields find their columns. */
SLU_CHECK slu_status file_rows_open(file_rows *rows, file_lines *lines, const char *path, int64_t offset, slu_error *err);
/* One more row from the file; END. */
SLU_CHECK slu_status file_rows_next(file_rows *rows, file_lines *lines, slu_error *err);
/* The batch of what was appended; `good` rows where some were skipped (NULL: all). */
SLU_CHECK slu_status file_rows_finish(file_rows *rows, struct ArrowArray *out, const int32_t **good, int64_t *good_count,
                                      slu_error *err);

/* Calls found(to, path) for each file of the pattern, in the order of names. NOTFOUND: none. */
SLU_CHECK slu_status file_each(const char *pattern, slu_status (*found)(void *to, const char *path, slu_error *err), void *to,
                               slu_error *err);

/* ---- Faces ---- */
extern const slu_plugin file_source_plugin;
extern const slu_plugin file_lookup_plugin;
extern const slu_plugin file_sink_plugin;

#endif
