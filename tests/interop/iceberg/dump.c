/*
 * dump METADATA FROM TO [SNAPSHOT]: the rows of a table, columns that are not nested, in the canonical text of the golden tables
 * (their README). FROM is the location under which the table was written, TO where it lies.
 */
#include "iceberg/lake_read.h"

#include <inttypes.h>
#include <math.h>
#include <sluice/columns.h>
#include <stdlib.h>

static slu_error err;

#define MUST(call)                                                                                                                 \
    do {                                                                                                                           \
        const slu_status must_status_ = (call);                                                                                    \
        if (must_status_ != SLU_OK) {                                                                                              \
            (void)fprintf(stderr, "%s: %s\n", slu_status_name(must_status_), err.message);                                         \
            exit(1);                                                                                                               \
        }                                                                                                                          \
    } while (0)

static void
print_quoted(const uint8_t *data, int32_t bytes)
{
    (void)putchar('"');
    for (int32_t i = 0; i < bytes; i++) {
        if (data[i] == '"')
            (void)putchar('"');
        (void)putchar(data[i]);
    }
    (void)putchar('"');
}

static void
print_real(double value, int digits)
{
    if (isnan(value))
        (void)printf("nan");
    else if (isinf(value))
        (void)printf(value < 0 ? "-inf" : "inf");
    else
        (void)printf("%.*g", digits, value);
}

static void
print_uuid(const uint8_t *at)
{
    for (int i = 0; i < 16; i++)
        (void)printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", at[i]);
}

static void
print_value(const iceberg_type *type, const slu_column *column, int64_t row)
{
    iceberg_scalar room;
    iceberg_value value;
    slu_buf text;
    if (!slu_column_valid(column, row))
        return;
    if (type->kind == ICEBERG_FLOAT) {
        print_real((double)slu_column_f32s(column)[row], 9);
        return;
    }
    if (type->kind == ICEBERG_DOUBLE) {
        print_real(slu_column_f64s(column)[row], 17);
        return;
    }
    if (type->kind == ICEBERG_STRING || type->kind == ICEBERG_UUID) {
        int32_t bytes = 0;
        const uint8_t *data = slu_column_bytes(column, row, &bytes);
        if (type->kind == ICEBERG_STRING)
            print_quoted(data, bytes);
        else
            print_uuid(data);
        return;
    }
    slu_buf_init(&text, 1 << 20);
    MUST(iceberg_value_of_column(type, column, row, &room, &value, &err));
    iceberg_value_print(type, value, &text);
    (void)fwrite(slu_buf_cstr(&text), 1, text.bytes, stdout);
    slu_buf_fini(&text);
}

int
main(int count, char **arguments)
{
    iceberg_store store;
    iceberg_table table = {0};
    iceberg_read *read = NULL;
    struct ArrowArray batch;
    const char *names[1024];
    const iceberg_field *fields[1024];
    size_t columns = 0;
    if (count < 4)
        return 2;
    MUST(iceberg_store_local_open_at(arguments[2], arguments[3], false, &store, &err));
    MUST(iceberg_table_open(&store, arguments[1], &table, &err));
    const iceberg_snapshot *snapshot =
        count < 5 ? NULL : iceberg_metadata_snapshot_of(table.metadata, strtoll(arguments[4], NULL, 10));
    const iceberg_schema *schema = snapshot == NULL || snapshot->schema_id < 0
                                       ? iceberg_metadata_schema(table.metadata)
                                       : iceberg_metadata_schema_of(table.metadata, snapshot->schema_id);
    for (uint32_t i = 0; i < schema->root.field_count; i++) {
        if (schema->root.fields[i].type.kind >= ICEBERG_STRUCT)
            continue;
        fields[columns] = &schema->root.fields[i];
        names[columns++] = schema->root.fields[i].name;
        (void)printf("%s", columns == 1 ? "" : ",");
        print_quoted((const uint8_t *)names[columns - 1], (int32_t)strlen(names[columns - 1]));
    }
    (void)putchar('\n');
    const iceberg_read_options options = {
        .snapshot = snapshot, .schema = schema, .columns = names, .column_count = columns, .batch_rows = 7};
    MUST(iceberg_read_open(&store, table.metadata, &options, &read, &err));
    for (;;) {
        const slu_status status = iceberg_read_next(read, &batch, &err);
        if (status == SLU_END)
            break;
        MUST(status);
        for (int64_t row = 0; row < batch.length; row++) {
            for (size_t i = 0; i < columns; i++) {
                const slu_column column = slu_column_child(iceberg_read_schema(read), &batch, (int64_t)i);
                (void)printf("%s", i == 0 ? "" : ",");
                print_value(&fields[i]->type, &column, row);
            }
            (void)putchar('\n');
        }
        slu_array_release(&batch);
    }
    iceberg_read_free(&read);
    iceberg_table_fini(&table);
    iceberg_store_close(&store);
    return 0;
}
