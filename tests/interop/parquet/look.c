/* look pages FILE COLUMN: row group, first row, rows, nulls and bounds of every page, as the page index says.
 * look excludes FILE COLUMN HEX ...: for each value 1 where every row group's Bloom filter rules it out, else 0. */
#include "parquet/reader.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
print_hex(slu_view value)
{
    (void)printf("=");
    for (size_t i = 0; i < value.bytes; i++)
        (void)printf("%02x", value.data[i]);
}

static void
print_pages(parquet_reader *reader, size_t column)
{
    const parquet_page *pages = NULL;
    size_t count = 0;
    for (size_t g = 0; g < parquet_reader_row_group_count(reader); g++) {
        if (parquet_reader_pages(reader, g, column, &pages, &count, NULL) != SLU_OK)
            continue;
        for (size_t i = 0; i < count; i++) {
            (void)printf("%zu %" PRId64 " %" PRId64 " %" PRId64 " ", g, pages[i].first_row, pages[i].rows,
                         pages[i].statistics.null_count);
            if (pages[i].statistics.has_bounds) {
                print_hex(pages[i].statistics.min);
                (void)printf(" ");
                print_hex(pages[i].statistics.max);
            }
            (void)printf("\n");
        }
    }
}

static bool
all_exclude(parquet_reader *reader, size_t column, const char *hex)
{
    uint8_t value[1024];
    size_t bytes = 0;
    bool excluded = true;
    for (; hex[0] != 0 && hex[1] != 0 && bytes < sizeof value; hex += 2) {
        const char digits[3] = {hex[0], hex[1], 0};
        value[bytes++] = (uint8_t)strtoul(digits, NULL, 16);
    }
    for (size_t g = 0; g < parquet_reader_row_group_count(reader); g++)
        excluded = excluded && parquet_reader_excludes(reader, g, column, slu_view_of(value, bytes));
    return excluded;
}

int
main(int count, char **arguments)
{
    if (count < 4)
        return 2;
    parquet_source source;
    SLU_AUTO(parquet_reader_free) parquet_reader *reader = NULL;
    slu_error err;
    size_t column = 0;
    const int fd = open(arguments[2], O_RDONLY);
    slu_status status = parquet_source_of_fd(&fd, &source, &err);
    if (status == SLU_OK)
        status = parquet_reader_open(&source, NULL, &reader, &err);
    if (status != SLU_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    while (column < parquet_reader_column_count(reader) && strcmp(parquet_reader_column(reader, column)->name, arguments[3]) != 0)
        column++;
    if (strcmp(arguments[1], "pages") == 0)
        print_pages(reader, column);
    for (int i = 4; i < count; i++)
        (void)printf("%d\n", all_exclude(reader, column, arguments[i]));
    (void)close(fd);
    return 0;
}
