/* Passing over rows of a chunk: by its offset index where it has one, else row by row. */
#include "chunk_parts.h"

#include "base/sizes.h"

void
parquet_chunk_reader_locate(parquet_chunk_reader *reader, const parquet_location *locations, size_t count)
{
    const parquet_location *last = &locations[count - 1];
    /* An index that does not lie within the chunk is not believed: the pages are read one by one. */
    if (locations[0].offset < reader->at || last->offset > reader->end - last->bytes)
        return;
    reader->locations = locations;
    reader->location_count = count;
}

/* The last page that begins at or before `row`. */
static const parquet_location *
location_of(const parquet_chunk_reader *reader, int64_t row)
{
    size_t low = 0, high = reader->location_count;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (reader->locations[middle].first_row <= row)
            low = middle;
        else
            high = middle;
    }
    return &reader->locations[low];
}

/* Goes to the page of `row` where that lies behind the page at hand; the dictionary is read on the way. */
static slu_status
chunk_jump(parquet_chunk_reader *reader, int64_t row, slu_error *err)
{
    const parquet_location *location = reader->locations == NULL ? NULL : location_of(reader, row);
    if (location == NULL || location->first_row <= reader->row || location->offset < reader->at)
        return SLU_OK;
    if (!reader->has_dictionary && reader->at < reader->locations[0].offset)
        SLU_TRY(parquet_chunk_next_page(reader, err));
    reader->at = location->offset;
    reader->row = location->first_row;
    reader->page_left = 0;
    reader->chunk_begins = true;
    /* How many entries are left is not known where rows repeat: at most all but one for each row passed over. */
    reader->rows_left = reader->chunk.value_count - location->first_row;
    return SLU_OK;
}

slu_status
parquet_chunk_reader_skip(parquet_chunk_reader *reader, int64_t rows, const parquet_column *column, slu_error *err)
{
    const int64_t target = reader->row + rows;
    SLU_TRY(chunk_jump(reader, target, err));
    while (reader->row < target) {
        const int64_t n = SLU_MIN(target - reader->row, (int64_t)PARQUET_BATCH_ROWS_MAX / 16);
        parquet_column_out passed;
        SLU_TRY(parquet_column_out_init(&passed, column, reader->nested ? 0 : n, err));
        const slu_status status = reader->nested ? parquet_chunk_reader_entries(reader, n, &passed, err)
                                                 : parquet_chunk_reader_read(reader, n, &passed, err);
        parquet_column_out_fini(&passed);
        SLU_TRY(status);
    }
    return SLU_OK;
}
