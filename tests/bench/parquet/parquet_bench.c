/*
 * parquet_bench.c: rows per CPU second of the Parquet writer and reader, for (BIGINT, BIGINT, STRING) rows.
 *
 * parquet_bench [ROWS]      prints one line per shape: frauds (four accounts), names of 10,000 people, and all-different values.
 * parquet_bench FILE        reads a file of any columns, writes its rows again, and prints rows and CPU seconds of both (against.py).
 */
#include "parquet/reader.h"
#include "parquet/writer.h"

#include "base/alloc.h"

#include <sluice/columns.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BATCH 8192

typedef struct bench_batch {
    int64_t id[BATCH];
    int64_t account[BATCH];
    int32_t offsets[BATCH + 1];
    char names[BATCH * 24];
    const void *buffers[3][3];
    const void *no_buffer[1];
    struct ArrowArray columns[3];
    struct ArrowArray *children[3];
    struct ArrowArray array;
} bench_batch;

static double
cpu_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t
next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 20;
}

static void
batch_fill(bench_batch *b, int64_t first, uint64_t people, uint64_t *seed)
{
    int at = 0;
    for (int i = 0; i < BATCH; i++) {
        const uint64_t person = next_random(seed) % people;
        b->id[i] = (first + i) * 10;
        b->account[i] = (int64_t)(person + 1006);
        b->offsets[i] = at;
        at += snprintf(b->names + at, 24, "Person %llu", (unsigned long long)person);
    }
    b->offsets[BATCH] = at;
}

static void
batch_init(bench_batch *b)
{
    const void *values[3] = {b->id, b->account, b->offsets};
    for (int c = 0; c < 3; c++) {
        b->buffers[c][1] = values[c];
        b->buffers[c][2] = b->names;
        b->columns[c] = (struct ArrowArray){.length = BATCH, .n_buffers = c == 2 ? 3 : 2, .buffers = b->buffers[c]};
        b->children[c] = &b->columns[c];
    }
    b->array =
        (struct ArrowArray){.length = BATCH, .n_buffers = 1, .buffers = b->no_buffer, .n_children = 3, .children = b->children};
}

static slu_status
bench_write(uint64_t people, int64_t rows, slu_buf *out, double *seconds, slu_error *err)
{
    static const parquet_column columns[3] = {{.name = "transactionId", .field_id = 1, .kind = PARQUET_KIND_LONG},
                                              {.name = "accountId", .field_id = 2, .kind = PARQUET_KIND_LONG},
                                              {.name = "name", .field_id = 3, .kind = PARQUET_KIND_STRING}};
    SLU_AUTO(parquet_writer_free) parquet_writer *writer = NULL;
    parquet_writer_options options;
    parquet_writer_options_init(&options);
    const parquet_sink sink = parquet_sink_of_buf(out);
    struct ArrowSchema schema;
    SLU_TRY(slu_schema_init_struct(&schema));
    for (int c = 0; c < 3; c++)
        SLU_TRY(slu_schema_add(&schema, c == 2 ? "u" : "l", columns[c].name, true));
    SLU_TRY(parquet_writer_open(&options, columns, 3, &schema, &sink, &writer, err));
    slu_schema_release(&schema);
    bench_batch *b = slu_alloc_zero(1, sizeof *b);
    if (b == NULL)
        return SLU_NOMEM;
    batch_init(b);
    uint64_t seed = 7;
    for (int64_t at = 0; at < rows; at += BATCH) {
        batch_fill(b, at, people, &seed);
        const double start = cpu_seconds();
        SLU_TRY(parquet_writer_append(writer, &b->array, NULL, BATCH, err));
        *seconds += cpu_seconds() - start;
    }
    const double start = cpu_seconds();
    const parquet_file *file = NULL;
    SLU_TRY(parquet_writer_finish(writer, &file, err));
    *seconds += cpu_seconds() - start;
    slu_free(b);
    return SLU_OK;
}

static slu_status
bench_read(const slu_buf *file, int64_t *rows, double *seconds, slu_error *err)
{
    const slu_view view = slu_buf_view(file);
    const parquet_source source = parquet_source_of_view(&view);
    SLU_AUTO(parquet_reader_free) parquet_reader *reader = NULL;
    struct ArrowArray batch;
    const double start = cpu_seconds();
    SLU_TRY(parquet_reader_open(&source, NULL, &reader, err));
    slu_status status;
    while ((status = parquet_reader_next(reader, &batch, NULL, err)) == SLU_OK) {
        *rows += batch.length;
        slu_array_release(&batch);
    }
    *seconds = cpu_seconds() - start;
    return status == SLU_END ? SLU_OK : status;
}

static slu_status
bench(const char *what, uint64_t people, int64_t rows, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf out;
    double write_seconds = 0, read_seconds = 0;
    int64_t read_rows = 0;
    slu_buf_init(&out, (size_t)4 << 30);
    SLU_TRY(bench_write(people, rows, &out, &write_seconds, err));
    SLU_TRY(bench_read(&out, &read_rows, &read_seconds, err));
    if (read_rows != rows)
        return slu_error_set(err, SLU_CORRUPT, "%s: %lld rows were written and %lld read", what, (long long)rows,
                             (long long)read_rows);
    (void)printf("%-32s %9lld rows  write %6.2f M rows/CPU s  read %6.2f M rows/CPU s  %5.2f bytes/row\n", what,
                 (long long)read_rows, (double)read_rows / write_seconds / 1e6, (double)read_rows / read_seconds / 1e6,
                 (double)out.bytes / (double)read_rows);
    return SLU_OK;
}

/* ---- a file of others ---- */

#define FILE_BATCHES_MAX 4096

typedef struct file_rows {
    struct ArrowSchema schema;
    struct ArrowArray batches[FILE_BATCHES_MAX];
    size_t count;
    int64_t rows;
} file_rows;

static slu_status
file_read(parquet_reader *reader, file_rows *out, double *seconds, slu_error *err)
{
    const double start = cpu_seconds();
    slu_status status = parquet_reader_schema(reader, &out->schema, err);
    while (status == SLU_OK && out->count < FILE_BATCHES_MAX) {
        status = parquet_reader_next(reader, &out->batches[out->count], NULL, err);
        if (status == SLU_OK)
            out->rows += out->batches[out->count++].length;
    }
    *seconds = cpu_seconds() - start;
    return status == SLU_END ? SLU_OK : status;
}

static slu_status
file_write(const parquet_reader *reader, const file_rows *in, slu_buf *out, double *seconds, slu_error *err)
{
    parquet_column columns[64];
    const size_t count = parquet_reader_column_count(reader);
    SLU_AUTO(parquet_writer_free) parquet_writer *writer = NULL;
    const parquet_sink sink = parquet_sink_of_buf(out);
    const parquet_file *file = NULL;
    parquet_writer_options options;
    parquet_writer_options_init(&options);
    for (size_t i = 0; i < count && i < 64; i++)
        columns[i] = *parquet_reader_column(reader, i);
    const double start = cpu_seconds();
    SLU_TRY(parquet_writer_open(&options, columns, count, &in->schema, &sink, &writer, err));
    for (size_t i = 0; i < in->count; i++)
        SLU_TRY(parquet_writer_append(writer, &in->batches[i], NULL, in->batches[i].length, err));
    SLU_TRY(parquet_writer_finish(writer, &file, err));
    *seconds = cpu_seconds() - start;
    return SLU_OK;
}

static slu_status
bench_file(const char *path, slu_error *err)
{
    static file_rows rows;
    parquet_source source;
    double read_seconds = 0, write_seconds = 0;
    SLU_AUTO(parquet_reader_free) parquet_reader *reader = NULL;
    SLU_AUTO(slu_buf_fini) slu_buf out;
    const int fd = open(path, O_RDONLY);
    slu_buf_init(&out, (size_t)4 << 30);
    SLU_TRY(parquet_source_of_fd(&fd, &source, err));
    SLU_TRY(parquet_reader_open(&source, NULL, &reader, err));
    SLU_TRY(file_read(reader, &rows, &read_seconds, err));
    SLU_TRY(file_write(reader, &rows, &out, &write_seconds, err));
    (void)printf("%lld %.4f %.4f %zu\n", (long long)rows.rows, read_seconds, write_seconds, out.bytes);
    for (size_t i = 0; i < rows.count; i++)
        slu_array_release(&rows.batches[i]);
    slu_schema_release(&rows.schema);
    (void)close(fd);
    return SLU_OK;
}

int
main(int count, char **arguments)
{
    if (count > 1 && arguments[1][0] == '/') {
        slu_error failed;
        const slu_status done = bench_file(arguments[1], &failed);
        if (done != SLU_OK)
            (void)fprintf(stderr, "%s: %s\n", slu_status_name(done), failed.message);
        return done != SLU_OK;
    }
    const int64_t rows = (count > 1 ? atoll(arguments[1]) : 4000000) / BATCH * BATCH;
    slu_error err;
    slu_status status = bench("frauds: 4 accounts", 4, rows, &err);
    if (status == SLU_OK)
        status = bench("10,000 people", 10000, rows, &err);
    if (status == SLU_OK)
        status = bench("every name different", 1000000000, rows, &err);
    if (status != SLU_OK)
        (void)fprintf(stderr, "%s: %s\n", slu_status_name(status), err.message);
    return status != SLU_OK;
}
