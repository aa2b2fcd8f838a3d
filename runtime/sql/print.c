#include "print.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "session.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <wchar.h>

#define PRINT_ROWS_WIDTH 200
#define PRINT_CELL_WIDTH_MAX 80

/* Display columns of UTF-8 text; a byte that is none of it counts one. */
static int
width(const char *text)
{
    mbstate_t shift = {0};
    int columns = 0;
    for (size_t left = strlen(text); left > 0;) {
        wchar_t wide;
        const size_t bytes = mbrtowc(&wide, text, left, &shift);
        if (bytes == 0 || bytes > left) {
            memset(&shift, 0, sizeof shift);
            columns++;
            text++;
            left--;
            continue;
        }
        const int shown = wcwidth(wide);
        columns += shown < 0 ? 1 : shown;
        text += bytes;
        left -= bytes;
    }
    return columns;
}

/* A blob in hexadecimal, whole: a program may read this. */
static void
blob_print(FILE *to, sqlite3_stmt *statement, int column)
{
    const uint8_t *data = sqlite3_column_blob(statement, column);
    const int bytes = sqlite3_column_bytes(statement, column);
    (void)fputs("0x", to);
    for (int i = 0; i < bytes; i++)
        (void)fprintf(to, "%02x", data[i]);
}

/* For a table's cell: a long blob is cut, and it shows. */
static const char *
cell_text(sqlite3_stmt *statement, int column, char *blob, size_t blob_bytes)
{
    if (sqlite3_column_type(statement, column) == SQLITE_BLOB) {
        const uint8_t *data = sqlite3_column_blob(statement, column);
        const size_t bytes = (size_t)sqlite3_column_bytes(statement, column);
        size_t at = (size_t)snprintf(blob, blob_bytes, "0x");
        size_t i = 0;
        for (; i < bytes && at + 6 < blob_bytes; i++)
            at += (size_t)snprintf(blob + at, blob_bytes - at, "%02x", data[i]);
        if (i < bytes)
            (void)snprintf(blob + at, blob_bytes - at, "...");
        return blob;
    }
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text == NULL ? "" : text;
}

/* A copy in which what would move a terminal's cursor, or command it, is written out: control characters, the C1 ones of UTF-8 too. */
static char *
text_shown(const char *text)
{
    static const char *const short_names[] = {['\t'] = "\\t", ['\n'] = "\\n", ['\r'] = "\\r"};
    char *shown = slu_alloc(4 * strlen(text) + 1);
    char *to = shown;
    if (shown == NULL)
        return NULL;
    for (const uint8_t *at = (const uint8_t *)text; *at != 0; at++) {
        if (*at < sizeof short_names / sizeof short_names[0] && short_names[*at] != NULL)
            to += sprintf(to, "%s", short_names[*at]);
        else if (*at < 0x20 || *at == 0x7f)
            to += sprintf(to, "\\x%02x", *at);
        else if (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
            to += sprintf(to, "\\x%02x", *++at);
        else
            *to++ = (char)*at;
    }
    *to = 0;
    return shown;
}

static bool
is_number(sqlite3_stmt *statement, int column)
{
    const int type = sqlite3_column_type(statement, column);
    return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}

typedef struct table {
    FILE *to;
    int columns;
    int *widths;
    bool *right;  /* numbers stand to the right */
    char **cells; /* the buffered rows, row by row */
    int64_t buffered;
    bool shown; /* the head is out */
} table;

static void
cell_print(const table *shape, int column, const char *text)
{
    const int pad = shape->widths[column] - width(text);
    const char *gap = column > 0 ? "  " : "";
    if (shape->right[column])
        (void)fprintf(shape->to, "%s%*s%s", gap, pad > 0 ? pad : 0, "", text);
    else
        (void)fprintf(shape->to, "%s%s%*s", gap, text, column + 1 < shape->columns && pad > 0 ? pad : 0, "");
}

static void
table_flush(table *shape, sqlite3_stmt *statement)
{
    if (!shape->shown) {
        for (int i = 0; i < shape->columns; i++)
            cell_print(shape, i, sqlite3_column_name(statement, i));
        (void)fputc('\n', shape->to);
        for (int i = 0; i < shape->columns; i++)
            for (int dash = 0; dash < shape->widths[i] + (i > 0 ? 2 : 0); dash++)
                (void)fputc(i > 0 && dash < 2 ? ' ' : '-', shape->to);
        (void)fputc('\n', shape->to);
        shape->shown = true;
    }
    for (int64_t row = 0; row < shape->buffered; row++) {
        for (int i = 0; i < shape->columns; i++) {
            char *text = shape->cells[row * shape->columns + i];
            cell_print(shape, i, text == NULL ? "" : text);
            slu_free(text);
        }
        (void)fputc('\n', shape->to);
    }
    shape->buffered = 0;
}

static void
table_row(table *shape, sqlite3_stmt *statement)
{
    char blob[2 * PRINT_CELL_WIDTH_MAX];
    for (int i = 0; i < shape->columns; i++) {
        char *text = text_shown(cell_text(statement, i, blob, sizeof blob));
        const int columns = text == NULL ? 0 : width(text);
        if (!shape->shown && columns > shape->widths[i] && columns <= PRINT_CELL_WIDTH_MAX)
            shape->widths[i] = columns;
        if (!shape->shown && is_number(statement, i))
            shape->right[i] = true;
        shape->cells[shape->buffered * shape->columns + i] = text;
    }
    if (++shape->buffered == PRINT_ROWS_WIDTH)
        table_flush(shape, statement);
}

static void
csv_cell(FILE *to, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        (void)fputs(text, to);
        return;
    }
    (void)fputc('"', to);
    for (; *text != 0; text++) {
        if (*text == '"')
            (void)fputc('"', to);
        (void)fputc(*text, to);
    }
    (void)fputc('"', to);
}

static void
csv_row(FILE *to, sqlite3_stmt *statement, bool head)
{
    for (int i = 0; i < sqlite3_column_count(statement); i++) {
        if (i > 0)
            (void)fputc(',', to);
        if (head)
            csv_cell(to, sqlite3_column_name(statement, i));
        else if (sqlite3_column_type(statement, i) == SQLITE_BLOB)
            blob_print(to, statement, i);
        else
            csv_cell(to, cell_text(statement, i, NULL, 0));
    }
    (void)fputc('\n', to);
}

static void
json_text(FILE *to, const char *text)
{
    (void)fputc('"', to);
    for (; *text != 0; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            (void)fprintf(to, "\\%c", c);
        else if (c < 0x20)
            (void)fprintf(to, "\\u%04x", c);
        else
            (void)fputc(c, to);
    }
    (void)fputc('"', to);
}

/* JSON has no infinity: it stands in quotes. */
static void
json_value(FILE *to, sqlite3_stmt *statement, int column)
{
    const int type = sqlite3_column_type(statement, column);
    if (type == SQLITE_NULL) {
        (void)fputs("null", to);
    } else if (type == SQLITE_INTEGER || (type == SQLITE_FLOAT && isfinite(sqlite3_column_double(statement, column)))) {
        (void)fputs((const char *)sqlite3_column_text(statement, column), to);
    } else if (type == SQLITE_BLOB) {
        (void)fputc('"', to);
        blob_print(to, statement, column);
        (void)fputc('"', to);
    } else {
        json_text(to, cell_text(statement, column, NULL, 0));
    }
}

static void
json_row(FILE *to, sqlite3_stmt *statement, bool first)
{
    (void)fputs(first ? "[\n  {" : ",\n  {", to);
    for (int i = 0; i < sqlite3_column_count(statement); i++) {
        if (i > 0)
            (void)fputs(", ", to);
        json_text(to, sqlite3_column_name(statement, i));
        (void)fputs(": ", to);
        json_value(to, statement, i);
    }
    (void)fputc('}', to);
}

static slu_status
table_init(table *shape, sqlite3_stmt *statement, FILE *to, slu_error *err)
{
    const size_t columns = (size_t)sqlite3_column_count(statement);
    *shape = (table){.to = to, .columns = (int)columns};
    shape->widths = slu_alloc_zero(columns, sizeof *shape->widths);
    shape->right = slu_alloc_zero(columns, sizeof *shape->right);
    shape->cells = slu_alloc_zero(columns * PRINT_ROWS_WIDTH, sizeof *shape->cells);
    if (shape->widths == NULL || shape->right == NULL || shape->cells == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory to print %zu columns", columns);
    for (int i = 0; i < shape->columns; i++)
        shape->widths[i] = width(sqlite3_column_name(statement, i));
    return SLU_OK;
}

static void
table_fini(table *shape)
{
    slu_free(shape->widths);
    slu_free(shape->right);
    slu_free(shape->cells);
}

slu_status
slu_sql_print(sqlite3_stmt *statement, int format, FILE *to, int64_t *rows, slu_error *err)
{
    table shape = {0};
    int64_t count = 0;
    int code = SQLITE_ROW;
    if (format == SLU_SQL_FORMAT_TABLE) {
        const slu_status status = table_init(&shape, statement, to, err);
        if (status != SLU_OK) {
            table_fini(&shape);
            return status;
        }
    }
    if (format == SLU_SQL_FORMAT_CSV)
        csv_row(to, statement, true);
    while ((code = sqlite3_step(statement)) == SQLITE_ROW && !ferror(to)) {
        if (format == SLU_SQL_FORMAT_TABLE)
            table_row(&shape, statement);
        else if (format == SLU_SQL_FORMAT_CSV)
            csv_row(to, statement, false);
        else
            json_row(to, statement, count == 0);
        count++;
    }
    if (format == SLU_SQL_FORMAT_TABLE && (code == SQLITE_DONE || count > 0)) {
        table_flush(&shape, statement);
        if (code == SQLITE_DONE)
            (void)fprintf(to, "(%" PRId64 " row%s)\n", count, count == 1 ? "" : "s");
    }
    if (format == SLU_SQL_FORMAT_JSON && code == SQLITE_DONE)
        (void)fputs(count == 0 ? "[]\n" : "\n]\n", to);
    table_fini(&shape);
    if (rows != NULL)
        *rows += count;
    if (ferror(to) || fflush(to) != 0)
        return slu_error_set(err, SLU_IO, "writing the result failed");
    return code == SQLITE_DONE ? SLU_OK : slu_error_set(err, SLU_INVALID, "%s", sqlite3_errmsg(sqlite3_db_handle(statement)));
}
