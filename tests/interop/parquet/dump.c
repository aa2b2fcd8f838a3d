/* dump [-r FROM TO] FILE [COLUMN ...]: the rows of a Parquet file as our reader gives them, tab-separated: null, integers and unscaled decimals in
 * digits, floats as hexadecimal bits, bytes as =hex, structs {a,b}, lists [a,b], maps [{k,v}]. First line: the Arrow formats. -r leaves out
 * all rows of each row group but FROM to TO - 1. */
#include "parquet/reader.h"

#include <sluice/columns.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void
print_wide(slu_i128 value)
{
    char text[48];
    int at = (int)sizeof text - 1;
    unsigned __int128 left = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    text[at] = 0;
    do
        text[--at] = (char)('0' + (int)(left % 10));
    while ((left /= 10) != 0);
    (void)printf("%s%s", value < 0 ? "-" : "", text + at);
}

static void print_value(const struct ArrowSchema *schema, const slu_column *column, int64_t i);

static void
print_struct(const struct ArrowSchema *schema, const slu_column *column, int64_t i)
{
    (void)printf("{");
    for (int64_t c = 0; c < schema->n_children; c++) {
        const slu_column child = slu_column_view(schema->children[c]->format, column->array->children[c]);
        (void)printf(c == 0 ? "" : ",");
        print_value(schema->children[c], &child, column->offset + i);
    }
    (void)printf("}");
}

static void
print_list(const struct ArrowSchema *schema, const slu_column *column, int64_t i)
{
    const slu_column child = slu_column_view(schema->children[0]->format, column->array->children[0]);
    (void)printf("[");
    for (int32_t at = column->offsets[i]; at < column->offsets[i + 1]; at++) {
        (void)printf(at == column->offsets[i] ? "" : ",");
        print_value(schema->children[0], &child, at);
    }
    (void)printf("]");
}

static void
print_value(const struct ArrowSchema *schema, const slu_column *column, int64_t i)
{
    uint32_t f;
    uint64_t d;
    int32_t bytes = 0;
    if (!slu_column_valid(column, i)) {
        (void)printf("null");
        return;
    }
    switch (column->type.id) {
    case SLU_TYPE_FLOAT: memcpy(&f, &slu_column_f32s(column)[i], 4), (void)printf("%08" PRIx32, f); break;
    case SLU_TYPE_DOUBLE: memcpy(&d, &slu_column_f64s(column)[i], 8), (void)printf("%016" PRIx64, d); break;
    case SLU_TYPE_DECIMAL: print_wide(slu_column_decimals(column)[i]); break;
    case SLU_TYPE_STRUCT: print_struct(schema, column, i); break;
    case SLU_TYPE_LIST:
    case SLU_TYPE_MAP: print_list(schema, column, i); break;
    case SLU_TYPE_UTF8:
    case SLU_TYPE_BINARY:
    case SLU_TYPE_FIXED: {
        const uint8_t *at = slu_column_bytes(column, i, &bytes);
        (void)printf("=");
        for (int32_t b = 0; b < bytes; b++)
            (void)printf("%02x", at[b]);
        break;
    }
    default: (void)printf("%" PRId64, slu_column_int(column, i));
    }
}

static void
print_batch(const struct ArrowSchema *schema, const struct ArrowArray *batch)
{
    for (int64_t i = 0; i < batch->length; i++) {
        for (int64_t c = 0; c < batch->n_children; c++) {
            const slu_column column = slu_column_child(schema, batch, c);
            (void)printf(c == 0 ? "" : "\t");
            print_value(schema->children[c], &column, i);
        }
        (void)printf("\n");
    }
}

static slu_status
dump(parquet_reader *reader, slu_error *err)
{
    struct ArrowSchema schema;
    struct ArrowArray batch;
    SLU_TRY(parquet_reader_schema(reader, &schema, err));
    for (int64_t c = 0; c < schema.n_children; c++)
        (void)printf("%s%s", c == 0 ? "" : "\t", schema.children[c]->format);
    (void)printf("\n");
    slu_status status;
    while ((status = parquet_reader_next(reader, &batch, NULL, err)) == SLU_OK) {
        print_batch(&schema, &batch);
        slu_array_release(&batch);
    }
    slu_schema_release(&schema);
    return status == SLU_END ? SLU_OK : status;
}

typedef struct row_span {
    int64_t from;
    int64_t to;
} row_span;

static bool
keep_span(void *context, parquet_reader *reader, size_t group)
{
    const row_span *span = context;
    const int64_t rows = parquet_reader_row_group_rows(reader, group);
    parquet_reader_drop(reader, 0, span->from);
    parquet_reader_drop(reader, span->to, rows > span->to ? rows - span->to : 0);
    return true;
}

int
main(int count, char **arguments)
{
    row_span span = {0, INT64_MAX};
    const bool some = count > 4 && strcmp(arguments[1], "-r") == 0;
    if (some) {
        span = (row_span){atoll(arguments[2]), atoll(arguments[3])};
        arguments += 3;
        count -= 3;
    }
    if (count < 2)
        return 2;
    parquet_want wants[64] = {0};
    const parquet_reader_options options = {.batch_rows = 1000, .keep = some ? keep_span : NULL, .keep_context = &span};
    parquet_source source;
    SLU_AUTO(parquet_reader_free) parquet_reader *reader = NULL;
    slu_error err;
    const int fd = open(arguments[1], O_RDONLY);
    slu_status status = parquet_source_of_fd(&fd, &source, &err);
    if (status == SLU_OK)
        status = parquet_reader_open(&source, &options, &reader, &err);
    for (int i = 2; i < count && i < 66; i++) {
        wants[i - 2].field_id = PARQUET_FIELD_ID_NONE;
        wants[i - 2].name = arguments[i];
    }
    if (status == SLU_OK && count > 2)
        status = parquet_reader_select(reader, wants, (size_t)(count - 2), &err);
    if (status == SLU_OK)
        status = dump(reader, &err);
    if (status != SLU_OK)
        (void)fprintf(stderr, "%s: %s\n", slu_status_name(status), err.message);
    (void)close(fd);
    return status != SLU_OK;
}
