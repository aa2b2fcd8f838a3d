/*
 * files.c: our Parquet reader and writer on given files, alone: no Iceberg, no Fluss, one thread.
 *
 *   bench_lake_files scan FILE ...               reads every column of every row
 *   bench_lake_files write CODEC OUT FILE ...    brings the rows into memory, then writes them to OUT; only the writing is counted.
 *                                                CODEC: 0 none, 1 snappy, 6 zstd (level 1)
 * One line of JSON: rows, seconds, CPU seconds, peak MiB of the process.
 */
#include "parquet/reader.h"
#include "parquet/writer.h"

#include "base/alloc.h"

#include <sluice/columns.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCHES_MAX 65536
#define COLUMNS_MAX 256

typedef struct held {
    struct ArrowArray batches[BATCHES_MAX];
    size_t count;
    int64_t rows;
    bool keep;
    struct ArrowSchema schema;
    parquet_column columns[COLUMNS_MAX];
    size_t column_count;
} held;

static double
clock_read(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static slu_status
batches_read(parquet_reader *reader, held *h, slu_error *err)
{
    struct ArrowArray batch;
    slu_status status;
    while ((status = parquet_reader_next(reader, &batch, NULL, err)) == SLU_OK) {
        h->rows += batch.length;
        if (!h->keep)
            slu_array_release(&batch);
        else if (h->count == BATCHES_MAX)
            return slu_error_set(err, SLU_LIMIT, "more than %d batches", BATCHES_MAX);
        else
            h->batches[h->count++] = batch;
    }
    return status == SLU_END ? SLU_OK : status;
}

static slu_status
file_read(const char *path, held *h, parquet_reader **reader, slu_error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return slu_error_set(err, SLU_NOTFOUND, "%s cannot be opened", path);
    parquet_source source;
    slu_status status = parquet_source_of_fd(&fd, &source, err);
    if (status == SLU_OK)
        status = parquet_reader_open(&source, NULL, reader, err);
    if (status == SLU_OK)
        status = batches_read(*reader, h, err);
    (void)close(fd);
    return status;
}

/* Columns are views into the reader, which is therefore kept until the end. */
static slu_status
shape_take(held *h, parquet_reader *reader, slu_error *err)
{
    h->column_count = parquet_reader_column_count(reader);
    if (h->column_count > COLUMNS_MAX)
        return slu_error_set(err, SLU_LIMIT, "more than %d columns", COLUMNS_MAX);
    for (size_t i = 0; i < h->column_count; i++)
        h->columns[i] = *parquet_reader_column(reader, i);
    return parquet_reader_schema(reader, &h->schema, err);
}

static slu_status
files_read(char **paths, held *h, parquet_reader **first, slu_error *err)
{
    for (size_t i = 0; paths[i] != NULL; i++) {
        parquet_reader *reader = NULL;
        slu_status status = file_read(paths[i], h, &reader, err);
        if (status == SLU_OK && h->keep && i == 0)
            status = shape_take(h, reader, err);
        if (h->keep && i == 0)
            *first = reader;
        else
            parquet_reader_free(&reader);
        SLU_TRY(status);
    }
    return SLU_OK;
}

static slu_status
file_write(const held *h, uint8_t codec, const char *path, slu_error *err)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return slu_error_set(err, SLU_IO, "%s cannot be written", path);
    const parquet_sink sink = parquet_sink_of_fd(&fd);
    SLU_AUTO(parquet_writer_free) parquet_writer *writer = NULL;
    const parquet_file *file = NULL;
    parquet_writer_options options;
    parquet_writer_options_init(&options);
    options.codec = codec;
    slu_status status = parquet_writer_open(&options, h->columns, h->column_count, &h->schema, &sink, &writer, err);
    for (size_t i = 0; i < h->count && status == SLU_OK; i++)
        status = parquet_writer_append(writer, &h->batches[i], NULL, h->batches[i].length, err);
    if (status == SLU_OK)
        status = parquet_writer_finish(writer, &file, err);
    (void)close(fd);
    return status;
}

/* From /proc, because getrusage remembers what the parent had before it became this program. */
static double
peak_mib(void)
{
    char line[256];
    long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmHWM: %ld kB", &kib) == 1)
            break;
    if (file != NULL)
        (void)fclose(file);
    return (double)kib / 1024;
}

static void
say(int64_t rows, double seconds, double cpu)
{
    (void)printf("{\"rows\": %" PRId64 ", \"seconds\": %.6f, \"cpu\": %.6f, \"peak\": %.1f}\n", rows, seconds, cpu, peak_mib());
}

static slu_status
bench(int count, char **words, held *h, parquet_reader **first, slu_error *err)
{
    const bool writing = count > 4 && strcmp(words[1], "write") == 0;
    if (!writing && !(count > 2 && strcmp(words[1], "scan") == 0))
        return slu_error_set(err, SLU_INVALID, "scan FILE ... or write CODEC OUT FILE ...");
    h->keep = writing;
    double wall = clock_read(CLOCK_MONOTONIC), cpu = clock_read(CLOCK_PROCESS_CPUTIME_ID);
    SLU_TRY(files_read(words + (writing ? 4 : 2), h, first, err));
    if (writing) {
        wall = clock_read(CLOCK_MONOTONIC), cpu = clock_read(CLOCK_PROCESS_CPUTIME_ID);
        SLU_TRY(file_write(h, (uint8_t)atoi(words[2]), words[3], err));
    }
    say(h->rows, clock_read(CLOCK_MONOTONIC) - wall, clock_read(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    return SLU_OK;
}

int
main(int count, char **words)
{
    slu_error err;
    parquet_reader *first = NULL;
    held *h = slu_alloc_zero(1, sizeof *h);
    const slu_status status = h == NULL ? SLU_NOMEM : bench(count, words, h, &first, &err);
    if (status != SLU_OK)
        (void)fprintf(stderr, "bench_lake_files: %s: %s\n", slu_status_name(status), h == NULL ? "no memory" : err.message);
    for (size_t i = 0; h != NULL && i < h->count; i++)
        slu_array_release(&h->batches[i]);
    if (h != NULL)
        slu_schema_release(&h->schema);
    parquet_reader_free(&first);
    slu_free(h);
    return status != SLU_OK;
}
