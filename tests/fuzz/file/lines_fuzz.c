/* A file of any bytes, cut into records and read as rows: records end where they should, offsets add up, resuming gives the same. */
#include "rows.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static volatile unsigned bytes_seen; /* every byte is read, so that the sanitizer sees one too far */

static const file_options options = {
    .path = "", .format = "csv", .columns = NULL, .delimiter = ",", .null_text = "", .on_error = "skip", .header = 0};

/* Records until the end; answers how many, and the offset behind the first. */
static int64_t
records_of(const char *path, char delimiter, int64_t from, int64_t *first_end)
{
    file_lines lines;
    const char *record;
    size_t bytes;
    int64_t count = 0;
    if (file_lines_open(&lines, path, delimiter, NULL) != SLU_OK || (from > 0 && file_lines_seek(&lines, from, NULL) != SLU_OK))
        __builtin_trap();
    while (file_lines_next(&lines, &record, &bytes, NULL) == SLU_OK) {
        if (count++ == 0)
            *first_end = lines.offset;
        for (size_t i = 0; i < bytes; i++)
            bytes_seen += (unsigned char)record[i];
    }
    file_lines_close(&lines);
    return count;
}

static void
rows_of(const char *path)
{
    static struct ArrowSchema schema;
    file_rows rows;
    file_lines lines;
    struct ArrowArray array;
    const int32_t *good;
    int64_t good_count;
    if (schema.release == NULL && sdk_schema_from_columns("a BIGINT, b STRING, c DECIMAL(5,2)", &schema, NULL) != SLU_OK)
        __builtin_trap();
    if (file_rows_init(&rows, &options, &schema, NULL) != SLU_OK)
        __builtin_trap();
    if (file_rows_open(&rows, &lines, path, 0, NULL) == SLU_OK) {
        while (file_rows_next(&rows, &lines, NULL) == SLU_OK)
            ;
        file_lines_close(&lines);
        const int64_t all = rows.rows, skipped = rows.skipped;
        if (file_rows_finish(&rows, &array, &good, &good_count, NULL) != SLU_OK || good_count + skipped != all ||
            array.length != all)
            __builtin_trap();
        array.release(&array);
    }
    file_rows_fini(&rows);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char path[64];
    int64_t first_end = 0, unused = 0;
    const int fd = memfd_create("rows", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, bytes) != (ssize_t)bytes)
        return 0;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const int64_t csv = records_of(path, ',', 0, &first_end);
    if (csv > 0 && records_of(path, ',', first_end, &unused) != csv - 1)
        __builtin_trap();
    int64_t lf = bytes > 0 && data[bytes - 1] != '\n';
    for (size_t i = 0; i < bytes; i++)
        lf += data[i] == '\n';
    if (records_of(path, 0, 0, &unused) != lf)
        __builtin_trap();
    rows_of(path);
    (void)close(fd);
    return 0;
}
