/*
 * fluss_rows.h: small Arrow batches for tests that write to Fluss: (id BIGINT, amount DECIMAL(10,2), name STRING).
 */
#ifndef SLUICE_TESTS_FLUSS_ROWS_H
#define SLUICE_TESTS_FLUSS_ROWS_H

#include <sluice/arrow.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef __int128 test_wide;

typedef struct test_rows {
    struct ArrowSchema columns[3];
    struct ArrowSchema *schema_children[3];
    struct ArrowSchema schema;
    int64_t *ids;
    test_wide *amounts;
    int32_t *offsets;
    char *names;
    const void *buffers[3][3];
    const void *top_buffers[1];
    struct ArrowArray arrays[3];
    struct ArrowArray *array_children[3];
    struct ArrowArray array;
} test_rows;

/* Rows first .. first+count-1: id = the row, amount = row/100, name = "name<row>". */
static inline void
test_rows_init(test_rows *rows, int64_t first, int64_t count)
{
    static const char *const formats[3] = {"l", "d:10,2", "u"};
    static const char *const names[3] = {"id", "amount", "name"};
    memset(rows, 0, sizeof *rows);
    rows->ids = malloc((size_t)count * 8);
    rows->amounts = malloc((size_t)count * 16);
    rows->offsets = malloc((size_t)(count + 1) * 4);
    rows->names = malloc((size_t)count * 24);
    rows->offsets[0] = 0;
    for (int64_t i = 0; i < count; i++) {
        rows->ids[i] = first + i;
        rows->amounts[i] = first + i;
        rows->offsets[i + 1] = rows->offsets[i] + sprintf(rows->names + rows->offsets[i], "name%lld", (long long)(first + i));
    }
    for (int i = 0; i < 3; i++) {
        rows->columns[i] = (struct ArrowSchema){.format = formats[i], .name = names[i], .flags = i == 0 ? 0 : ARROW_FLAG_NULLABLE};
        rows->schema_children[i] = &rows->columns[i];
        rows->buffers[i][1] = i == 0 ? (const void *)rows->ids : i == 1 ? (const void *)rows->amounts : (const void *)rows->offsets;
        rows->buffers[i][2] = rows->names;
        rows->arrays[i] = (struct ArrowArray){.length = count, .n_buffers = i == 2 ? 3 : 2, .buffers = rows->buffers[i]};
        rows->array_children[i] = &rows->arrays[i];
    }
    rows->schema = (struct ArrowSchema){.format = "+s", .name = "", .n_children = 3, .children = rows->schema_children};
    rows->array = (struct ArrowArray){
        .length = count, .n_buffers = 1, .buffers = rows->top_buffers, .n_children = 3, .children = rows->array_children};
}

static inline void
test_rows_fini(test_rows *rows)
{
    free(rows->ids);
    free(rows->amounts);
    free(rows->offsets);
    free(rows->names);
}

#endif
