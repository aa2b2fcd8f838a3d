/*
 * merge_fuzz.c: bytes from clients that merge engines look into: rows of both formats, bitmaps, keys. The first byte chooses: 0, 1 two rows
 * of a format (the second byte says where the second begins), 2 two bitmaps, 3 to 5 a key of an encoding.
 */
#include "fluss/merge/aggregate.h"
#include "fluss/merge/key_row.h"
#include "fluss/merge/merge.h"
#include "fluss/merge/roaring.h"
#include "fluss/record/row.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define COLUMN(name, type, more) "{\"name\":\"" name "\",\"data_type\":{\"type\":\"" type "\"" more "}"
#define AGG(function) ",\"agg_function\":{\"type\":\"" function "\"}}"

static const char table_json[] = "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[" COLUMN(
    "k", "STRING", ",\"nullable\":false") "}," COLUMN("a", "BIGINT", "") AGG("sum") "," COLUMN("b", "STRING", "")
    AGG("listagg") "," COLUMN("c", "DECIMAL", ",\"precision\":30,\"scale\":2")
        AGG("product") "," COLUMN("d", "TIMESTAMP_WITHOUT_TIME_ZONE", ",\"precision\":6")
            AGG("max") "," COLUMN("e", "CHAR", ",\"length\":4") AGG("min") "," COLUMN("f", "BYTES", "")
                AGG("rbm32") "," COLUMN("g", "BOOLEAN", "") AGG("bool_or") "," COLUMN("h", "DOUBLE", "")
                    AGG("max") "],\"primary_key\":[\"k\"]},\"partition_key\":[],"
                               "\"bucket_key\":[\"k\"],\"bucket_count\":1,\"properties\":{\"table.merge-engine\":\"aggregation\","
                               "\"table.kv.format-version\":\"2\"%s},"
                               "\"custom_properties\":{}}";

static void
merge_rows(const fluss_descriptor *d, uint8_t format, slu_view first, slu_view second)
{
    static const int32_t some[] = {0, 1, 5};
    slu_error err;
    slu_buf out;
    fluss_merge *merge = NULL;
    fluss_verdict verdict = FLUSS_VERDICT_KEEP;
    const fluss_kv_row rows[2] = {{first, d->schema.column_count}, {second, d->schema.column_count - 2}};
    slu_buf_init(&out, 1 << 22);
    if (fluss_merge_new(d, format, &merge, &err) != SLU_OK)
        abort();
    for (size_t targets = 0; targets <= 3; targets += 3) {
        slu_buf_reset(&out);
        if (fluss_merge_begin(merge, targets == 0 ? NULL : some, targets, targets != 0, &err) != SLU_OK)
            abort();
        if (first.bytes != 0 && second.bytes != 0 &&
            fluss_merge_upsert(merge, &rows[0], &rows[1], &out, &verdict, &err) == SLU_OK && verdict == FLUSS_VERDICT_MADE) {
            slu_view *cells = calloc(d->schema.column_count, sizeof *cells);
            fluss_row_shape shape;
            const fluss_kv_row made = {slu_buf_view(&out), d->schema.column_count};
            if (cells == NULL || fluss_row_shape_init(&shape, &d->schema, format, &err) != SLU_OK ||
                fluss_row_split(&shape, &made, cells, &err) != SLU_OK)
                abort();
            fluss_row_shape_fini(&shape);
            free(cells);
        }
    }
    slu_buf_fini(&out);
    fluss_merge_free(&merge);
}

static void
make_key_row(const fluss_descriptor *d, slu_view key, slu_arena *arena)
{
    slu_error err;
    slu_buf out;
    fluss_table table;
    slu_buf_init(&out, 1 << 22);
    if (fluss_table_init(&table, d, 1, 1, arena, &err) != SLU_OK)
        abort();
    if (fluss_key_row(&table, key, &out, &err) == SLU_OK &&
        fluss_row_verify(&d->schema, table.kv_format, slu_buf_view(&out), &err) != SLU_OK)
        out.bytes = 0; /* text that is no UTF-8 may be in a key */
    fluss_table_fini(&table);
    slu_buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const char *const lakes[] = {"", ",\"table.datalake.format\":\"iceberg\"", ",\"table.datalake.format\":\"paimon\""};
    if (bytes < 2)
        return 0;
    const uint8_t what = data[0] % 6;
    const size_t cut = data[1] < bytes - 2 ? data[1] : bytes - 2;
    const slu_view first = slu_view_of(data + 2, cut);
    const slu_view second = slu_view_of(data + 2 + cut, bytes - 2 - cut);
    char json[3000];
    slu_arena arena;
    slu_error err;
    slu_buf out;
    fluss_descriptor d;
    slu_arena_init(&arena, 1 << 22);
    slu_buf_init(&out, 1 << 22);
    (void)snprintf(json, sizeof json, table_json, lakes[what < 3 ? 0 : what - 3]);
    if (fluss_descriptor_decode(slu_view_of_text(json), &arena, &d, &err) != SLU_OK)
        abort();
    fluss_schema_normalize(&d.schema);
    if (what < 2)
        merge_rows(&d, what, first, second);
    else if (what == 2)
        out.bytes = fluss_roaring_union(first, second, &out, &err) == SLU_OK ? out.bytes : 0;
    else
        make_key_row(&d, slu_view_of(data + 2, bytes - 2), &arena);
    slu_buf_fini(&out);
    slu_arena_fini(&arena);
    return 0;
}
