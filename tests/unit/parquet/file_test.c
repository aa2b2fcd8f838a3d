/* Whole files: written by us and read back, written by Java, broken in many ways. */
#include "support/check.h"

#include "sample.h"

#include "parquet/reader.h"
#include "parquet/writer.h"

#include "base/alloc.h"
#include "base/file.h"

#include <sluice/columns.h>

static slu_error err;

static void
write_sample(slu_buf *out, const parquet_writer_options *options, int64_t rows, int64_t batch, const parquet_file **file,
             parquet_writer **writer)
{
    struct ArrowSchema schema;
    const parquet_sink sink = parquet_sink_of_buf(out);
    slu_buf_init(out, (size_t)1 << 30);
    sample_schema(&schema);
    CHECK_OK(parquet_writer_open(options, sample_columns, SAMPLE_COLUMNS, &schema, &sink, writer, &err));
    slu_schema_release(&schema);
    for (int64_t at = 0; at < rows; at += batch) {
        struct ArrowArray array;
        sample_rows(at, rows - at < batch ? rows - at : batch, &array);
        CHECK_OK(parquet_writer_append(*writer, &array, NULL, array.length, &err));
        slu_array_release(&array);
    }
    CHECK_OK(parquet_writer_finish(*writer, file, &err));
}

static void
make_sample(slu_buf *out, int64_t rows, int64_t row_group_bytes)
{
    parquet_writer_options options;
    const parquet_file *file = NULL;
    SLU_AUTO(parquet_writer_free) parquet_writer *writer = NULL;
    parquet_writer_options_init(&options);
    options.row_group_bytes = row_group_bytes;
    write_sample(out, &options, rows, 4096, &file, &writer);
    assert_true(file->rows == rows);
    assert_true((size_t)file->file_bytes == out->bytes);
}

/* What a value is once it went through the file: milliseconds have become microseconds, a tinyint an int. */
static bool
values_equal(int column, const slu_column *in, int64_t i, const slu_column *out, int64_t k)
{
    if (slu_column_valid(in, i) != slu_column_valid(out, k))
        return false;
    if (!slu_column_valid(in, i))
        return true;
    if (slu_type_is_varlen(in->type) || in->type.id == SLU_TYPE_FIXED) {
        int32_t a_bytes = 0, b_bytes = 0;
        const uint8_t *a = slu_column_bytes(in, i, &a_bytes);
        const uint8_t *b = slu_column_bytes(out, k, &b_bytes);
        return a_bytes == b_bytes && memcmp(a, b, (size_t)a_bytes) == 0;
    }
    if (in->type.id == SLU_TYPE_DECIMAL)
        return slu_column_decimals(in)[i] == slu_column_decimals(out)[k];
    if (in->type.id == SLU_TYPE_FLOAT)
        return memcmp(&slu_column_f32s(in)[i], &slu_column_f32s(out)[k], 4) == 0;
    const int64_t factor = column == 11 || column == 12 ? 1000 : 1;
    return slu_column_int(in, i) * factor == slu_column_int(out, k);
}

/* Reads everything; row k of the file must be sample row rows_of(k). */
static void
check_file(const slu_buf *file, int64_t batch_rows, int64_t rows, const int32_t *selection)
{
    const slu_view view = slu_buf_view(file);
    const parquet_source source = parquet_source_of_view(&view);
    const parquet_reader_options options = {.batch_rows = batch_rows};
    SLU_AUTO(parquet_reader_free) parquet_reader *reader = NULL;
    struct ArrowSchema in_schema, out_schema;
    struct ArrowArray in, out;
    int64_t at = 0, first = 0;
    sample_schema(&in_schema);
    sample_rows(0, selection == NULL ? rows : selection[rows - 1] + 1, &in);
    CHECK_OK(parquet_reader_open(&source, &options, &reader, &err));
    CHECK_OK(parquet_reader_schema(reader, &out_schema, &err));
    slu_status status;
    while ((status = parquet_reader_next(reader, &out, &first, &err)) == SLU_OK) {
        assert_true(first == at);
        assert_true(out.length <= batch_rows);
        for (int c = 0; c < SAMPLE_COLUMNS; c++) {
            const slu_column a = slu_column_child(&in_schema, &in, c);
            const slu_column b = slu_column_child(&out_schema, &out, c);
            for (int64_t k = 0; k < out.length; k++)
                if (!values_equal(c, &a, selection == NULL ? at + k : selection[at + k], &b, k))
                    fail_msg("column %s, row %lld differs", sample_columns[c].name, (long long)(at + k));
        }
        at += out.length;
        slu_array_release(&out);
    }
    if (status != SLU_END)
        fail_msg("%s", err.message);
    assert_true(at == rows);
    slu_array_release(&in);
    slu_schema_release(&in_schema);
    slu_schema_release(&out_schema);
}

static void
every_type_survives_every_codec(void **state)
{
    (void)state;
    static const uint8_t codecs[] = {PARQUET_CODEC_UNCOMPRESSED, PARQUET_CODEC_SNAPPY, PARQUET_CODEC_GZIP, PARQUET_CODEC_ZSTD,
                                     PARQUET_CODEC_LZ4_RAW};
    for (size_t k = 0; k < 10; k++) {
        parquet_writer_options options;
        const parquet_file *file = NULL;
        SLU_AUTO(parquet_writer_free) parquet_writer *writer = NULL;
        SLU_AUTO(slu_buf_fini) slu_buf out;
        parquet_writer_options_init(&options);
        options.codec = codecs[k / 2];
        options.no_dictionary = k % 2 == 1;
        options.page_bytes = 3000;
        write_sample(&out, &options, 3001, 777, &file, &writer);
        check_file(&out, 1000, 3001, NULL);
    }
}

static void
pages_and_row_groups_end_anywhere(void **state)
{
    (void)state;
    static const int64_t rows[] = {1, 7, 8, 9, 2047, 2048, 2049, 20000, 20001, 45003};
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        SLU_AUTO(slu_buf_fini) slu_buf out;
        make_sample(&out, rows[k], 300000);
        check_file(&out, 8192, rows[k], NULL);
    }
}

static void
only_selected_rows_are_written(void **state)
{
    (void)state;
    int32_t selection[3000];
    struct ArrowSchema schema;
    struct ArrowArray array;
    parquet_writer_options options;
    const parquet_file *file = NULL;
    SLU_AUTO(parquet_writer_free) parquet_writer *writer = NULL;
    SLU_AUTO(slu_buf_fini) slu_buf out;
    slu_buf_init(&out, 1 << 28);
    const parquet_sink sink = parquet_sink_of_buf(&out);
    for (int32_t i = 0; i < 3000; i++)
        selection[i] = i * 3 + 1;
    parquet_writer_options_init(&options);
    sample_schema(&schema);
    sample_rows(0, 9000, &array);
    CHECK_OK(parquet_writer_open(&options, sample_columns, SAMPLE_COLUMNS, &schema, &sink, &writer, &err));
    CHECK_OK(parquet_writer_append(writer, &array, selection, 3000, &err));
    CHECK_OK(parquet_writer_finish(writer, &file, &err));
    check_file(&out, 8192, 3000, selection);
    selection[10] = selection[9];
    parquet_writer_free(&writer);
    CHECK_OK(parquet_writer_open(&options, sample_columns, SAMPLE_COLUMNS, &schema, &sink, &writer, &err));
    CHECK_STATUS(parquet_writer_append(writer, &array, selection, 3000, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "not ascending");
    slu_array_release(&array);
    slu_schema_release(&schema);
}

static void
metrics_add_up(void **state)
{
    (void)state;
    parquet_writer_options options;
    const parquet_file *file = NULL;
    SLU_AUTO(parquet_writer_free) parquet_writer *writer = NULL;
    SLU_AUTO(slu_buf_fini) slu_buf out;
    parquet_writer_options_init(&options);
    options.row_group_bytes = 500000;
    write_sample(&out, &options, 20000, 5000, &file, &writer);
    assert_true(file->split_count > 1);
    assert_true(file->split_offsets[0] == 4);
    int64_t bytes = 0;
    for (size_t c = 0; c < file->column_count; c++) {
        bytes += file->columns[c].column_bytes;
        assert_true(file->columns[c].value_count == 20000);
        assert_int_equal(file->columns[c].field_id, c + 1);
    }
    assert_true(bytes < file->file_bytes && bytes > file->file_bytes / 2);
    assert_int_equal(file->columns[0].lower.bytes, 8);
    assert_int_equal(file->columns[0].upper.data[0] | file->columns[0].upper.data[1] << 8, 19999);
    assert_true(file->columns[18].null_count == 20000 && !file->columns[18].has_lower);
    assert_true(file->columns[5].nan_count > 0 && file->columns[4].nan_count == -1);
    CHECK_STATUS(parquet_writer_finish(writer, &file, &err), SLU_INVALID);
}

static bool
keep_high_ids(void *context, parquet_reader *reader, size_t group)
{
    parquet_statistics stats;
    int64_t max;
    assert_int_equal(parquet_reader_statistics(reader, group, 0, &stats), SLU_OK);
    assert_true(stats.has_bounds && stats.has_null_count && stats.null_count == 0);
    memcpy(&max, stats.max.data, sizeof max);
    return max >= *(int64_t *)context;
}

static void
row_groups_are_pruned_and_columns_chosen(void **state)
{
    (void)state;
    SLU_AUTO(slu_buf_fini) slu_buf file;
    make_sample(&file, 20000, 500000);
    const slu_view view = slu_buf_view(&file);
    const parquet_source source = parquet_source_of_view(&view);
    int64_t wanted = 19999;
    const parquet_reader_options options = {.keep = keep_high_ids, .keep_context = &wanted};
    SLU_AUTO(parquet_reader_free) parquet_reader *reader = NULL;
    CHECK_OK(parquet_reader_open(&source, &options, &reader, &err));
    const size_t groups = parquet_reader_row_group_count(reader);
    assert_true(groups > 1);
    assert_true(parquet_reader_row_group_offset(reader, 0) == 4);
    const parquet_want wants[] = {
        {.field_id = 3, .column = {.kind = PARQUET_KIND_LONG}, .name = "renamed"},
        {.field_id = 99, .name = "added", .optional = true, .column = {.kind = PARQUET_KIND_DECIMAL, .precision = 10, .scale = 2}},
        {.field_id = 8, .column = {.kind = PARQUET_KIND_DECIMAL, .precision = 30, .scale = 2}},
        {.field_id = 6, .column = {.kind = PARQUET_KIND_DOUBLE}},
    };
    struct ArrowSchema schema;
    struct ArrowArray batch;
    int64_t first = 0, rows = 0;
    CHECK_OK(parquet_reader_select(reader, wants, 4, &err));
    CHECK_OK(parquet_reader_schema(reader, &schema, &err));
    CHECK_TEXT(schema.children[0]->format, "l");
    CHECK_TEXT(schema.children[0]->name, "renamed");
    CHECK_TEXT(schema.children[1]->format, "d:10,2");
    CHECK_TEXT(schema.children[2]->format, "d:30,2");
    CHECK_TEXT(schema.children[3]->format, "g");
    while (parquet_reader_next(reader, &batch, &first, &err) == SLU_OK) {
        const slu_column small = slu_column_child(&schema, &batch, 0);
        const slu_column real = slu_column_child(&schema, &batch, 3);
        assert_true(batch.children[1]->null_count == batch.length);
        for (int64_t i = 0; i < batch.length; i++) {
            const int64_t id = first + i;
            assert_int_equal(slu_column_valid(&small, i), id % 5 != 1);
            if (slu_column_valid(&small, i))
                assert_true(slu_column_int(&small, i) == id % 200 - 100);
            if (slu_column_valid(&real, i) && id % 50 != 7)
                assert_true(slu_column_f64s(&real)[i] == (double)(id % 1000) / 4 - 100);
        }
        rows += batch.length;
        slu_array_release(&batch);
    }
    assert_true(rows == parquet_reader_row_group_rows(reader, groups - 1));
    slu_schema_release(&schema);
}

/* Leaves out the pages of column 0 that cannot hold the wanted id. */
static bool
keep_pages_of_id(void *context, parquet_reader *reader, size_t group)
{
    const parquet_page *pages = NULL;
    size_t count = 0;
    const int64_t wanted = *(int64_t *)context;
    CHECK_OK(parquet_reader_pages(reader, group, 0, &pages, &count, &err));
    assert_true(count > 3);
    for (size_t i = 0; i < count; i++) {
        int64_t min, max;
        assert_true(pages[i].statistics.has_bounds && pages[i].statistics.null_count == 0 && pages[i].rows > 0);
        memcpy(&min, pages[i].statistics.min.data, sizeof min);
        memcpy(&max, pages[i].statistics.max.data, sizeof max);
        assert_true(max - min == pages[i].rows - 1);
        if (wanted < min || wanted > max)
            parquet_reader_drop(reader, pages[i].first_row, pages[i].rows);
    }
    CHECK_STATUS(parquet_reader_pages(reader, group, 99, &pages, &count, &err), SLU_NOTFOUND);
    return true;
}

/* Every column's pages end elsewhere; the rows read are those of the pages kept, and each is the row that its number says. */
static void
pages_are_pruned(void **state)
{
    (void)state;
    parquet_writer_options writing;
    const parquet_file *written = NULL;
    SLU_AUTO(parquet_writer_free) parquet_writer *writer = NULL;
    SLU_AUTO(slu_buf_fini) slu_buf file;
    parquet_writer_options_init(&writing);
    writing.page_bytes = 16000;
    write_sample(&file, &writing, 20000, 5000, &written, &writer);
    const slu_view view = slu_buf_view(&file);
    const parquet_source source = parquet_source_of_view(&view);
    for (int64_t wanted = 1; wanted < 20000; wanted += 3777) {
        const parquet_reader_options options = {.keep = keep_pages_of_id, .keep_context = &wanted};
        SLU_AUTO(parquet_reader_free) parquet_reader *reader = NULL;
        struct ArrowSchema in_schema, schema;
        struct ArrowArray in, batch;
        int64_t first = 0, rows = 0;
        sample_schema(&in_schema);
        sample_rows(0, 20000, &in);
        CHECK_OK(parquet_reader_open(&source, &options, &reader, &err));
        CHECK_OK(parquet_reader_schema(reader, &schema, &err));
        while (parquet_reader_next(reader, &batch, &first, &err) == SLU_OK) {
            for (int c = 0; c < SAMPLE_COLUMNS; c++) {
                const slu_column a = slu_column_child(&in_schema, &in, c), b = slu_column_child(&schema, &batch, c);
                for (int64_t i = 0; i < batch.length; i++)
                    assert_true(values_equal(c, &a, first + i, &b, i));
            }
            rows += batch.length;
            slu_array_release(&batch);
        }
        assert_true(rows > 0 && rows < 5000);
        slu_array_release(&in);
        slu_schema_release(&in_schema);
        slu_schema_release(&schema);
    }
}

static void
open_golden(const char *path, slu_buf *file, slu_view *view, parquet_source *source, parquet_reader **reader)
{
    slu_buf_init(file, 1 << 20);
    CHECK_OK(slu_file_read(path, 1 << 20, file, &err));
    *view = slu_buf_view(file);
    *source = parquet_source_of_view(view);
    CHECK_OK(parquet_reader_open(source, NULL, reader, &err));
}

static void
a_bloom_filter_of_others_is_asked(void **state)
{
    (void)state;
    SLU_AUTO(slu_buf_fini) slu_buf file;
    SLU_AUTO(parquet_reader_free) parquet_reader *reader = NULL;
    slu_view view;
    parquet_source source;
    static const char *const held[] = {"Hello",   "This is", "a",     "test",      "How",
                                       "are you", "doing ",  "today", "the quick", "brown fox"};
    static const char *const absent[] = {"hello", "This", "b", "tests", "the lazy dog", "fox"};
    open_golden(SLUICE_TEST_DATA "/golden/parquet/corpus/data_index_bloom_encoding_stats.parquet", &file, &view, &source, &reader);
    for (size_t i = 0; i < 10; i++)
        assert_false(parquet_reader_excludes(reader, 0, 0, slu_view_of_text(held[i])));
    for (size_t i = 0; i < 6; i++)
        assert_true(parquet_reader_excludes(reader, 0, 0, slu_view_of_text(absent[i])));
    assert_false(parquet_reader_excludes(reader, 0, 1, slu_view_of_text("hello")));
    assert_false(parquet_reader_excludes(reader, 1, 0, slu_view_of_text("hello")));
}

static void
pages_of_nulls_are_known(void **state)
{
    (void)state;
    SLU_AUTO(slu_buf_fini) slu_buf file;
    SLU_AUTO(parquet_reader_free) parquet_reader *reader = NULL;
    slu_view view;
    parquet_source source;
    const parquet_page *pages = NULL;
    size_t count = 0;
    int64_t rows = 0, nulls = 0, null_pages = 0;
    open_golden(SLUICE_TEST_DATA "/golden/parquet/corpus/int32_with_null_pages.parquet", &file, &view, &source, &reader);
    CHECK_OK(parquet_reader_pages(reader, 0, 0, &pages, &count, &err));
    for (size_t i = 0; i < count; i++) {
        assert_true(pages[i].statistics.has_bounds == (pages[i].statistics.null_count != pages[i].rows));
        rows += pages[i].rows;
        nulls += pages[i].statistics.null_count;
        null_pages += !pages[i].statistics.has_bounds;
    }
    assert_int_equal(rows, parquet_reader_rows(reader));
    assert_true(nulls == 275 && null_pages == 1);
}

static void
splits_limit_what_is_read(void **state)
{
    (void)state;
    SLU_AUTO(slu_buf_fini) slu_buf file;
    make_sample(&file, 20000, 500000);
    const slu_view view = slu_buf_view(&file);
    const parquet_source source = parquet_source_of_view(&view);
    SLU_AUTO(parquet_reader_free) parquet_reader *reader = NULL;
    struct ArrowArray batch;
    int64_t first = 0;
    CHECK_OK(parquet_reader_open(&source, NULL, &reader, &err));
    CHECK_OK(parquet_reader_limit(reader, 1, 1, &err));
    CHECK_OK(parquet_reader_next(reader, &batch, &first, &err));
    assert_true(first == parquet_reader_row_group_rows(reader, 0));
    slu_array_release(&batch);
    CHECK_STATUS(parquet_reader_limit(reader, 0, 1, &err), SLU_INVALID);
}

static void
what_cannot_be_is_said(void **state)
{
    (void)state;
    SLU_AUTO(slu_buf_fini) slu_buf file;
    make_sample(&file, 100, 1 << 20);
    const slu_view view = slu_buf_view(&file);
    const parquet_source source = parquet_source_of_view(&view);
    SLU_AUTO(parquet_reader_free) parquet_reader *reader = NULL;
    CHECK_OK(parquet_reader_open(&source, NULL, &reader, &err));
    parquet_want want = {.field_id = 77, .name = "lost"};
    CHECK_STATUS(parquet_reader_select(reader, &want, 1, &err), SLU_NOTFOUND);
    CHECK_MESSAGE(err, "lost");
    want = (parquet_want){.field_id = 5, .column = {.kind = PARQUET_KIND_INT}};
    CHECK_STATUS(parquet_reader_select(reader, &want, 1, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "column wide is l in the file and cannot be read as i");

    const parquet_column column = {.name = "n", .field_id = 1, .kind = PARQUET_KIND_INT};
    struct ArrowSchema schema;
    parquet_writer_options options;
    SLU_AUTO(parquet_writer_free) parquet_writer *writer = NULL;
    SLU_AUTO(slu_buf_fini) slu_buf out;
    slu_buf_init(&out, 1000);
    const parquet_sink sink = parquet_sink_of_buf(&out);
    parquet_writer_options_init(&options);
    CHECK_OK(slu_schema_init_struct(&schema));
    CHECK_OK(slu_schema_add(&schema, "l", "n", true));
    CHECK_STATUS(parquet_writer_open(&options, &column, 1, &schema, &sink, &writer, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "column n: Arrow type l cannot become i");
    slu_schema_release(&schema);
    options.codec = 4;
    sample_schema(&schema);
    CHECK_STATUS(parquet_writer_open(&options, sample_columns, SAMPLE_COLUMNS, &schema, &sink, &writer, &err), SLU_UNSUPPORTED);
    slu_schema_release(&schema);
}

static void
a_null_in_a_required_column_is_refused(void **state)
{
    (void)state;
    parquet_column columns[SAMPLE_COLUMNS];
    struct ArrowSchema schema;
    struct ArrowArray array;
    const parquet_file *file = NULL;
    parquet_writer_options options;
    SLU_AUTO(parquet_writer_free) parquet_writer *writer = NULL;
    SLU_AUTO(slu_buf_fini) slu_buf out;
    slu_buf_init(&out, 1 << 20);
    const parquet_sink sink = parquet_sink_of_buf(&out);
    memcpy(columns, sample_columns, sizeof columns);
    columns[14].required = true;
    parquet_writer_options_init(&options);
    sample_schema(&schema);
    sample_rows(0, 100, &array);
    CHECK_OK(parquet_writer_open(&options, columns, SAMPLE_COLUMNS, &schema, &sink, &writer, &err));
    CHECK_STATUS(parquet_writer_append(writer, &array, NULL, 100, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "column name is required");
    CHECK_STATUS(parquet_writer_finish(writer, &file, &err), SLU_INVALID);
    slu_array_release(&array);
    slu_schema_release(&schema);
}

/* Reads a file as far as it goes. */
static slu_status
read_through(const uint8_t *data, size_t bytes)
{
    const slu_view view = slu_view_of(data, bytes);
    const parquet_source source = parquet_source_of_view(&view);
    SLU_AUTO(parquet_reader_free) parquet_reader *reader = NULL;
    struct ArrowArray batch;
    SLU_TRY(parquet_reader_open(&source, NULL, &reader, &err));
    slu_status status = SLU_OK;
    for (int i = 0; i < 100 && status == SLU_OK; i++) {
        status = parquet_reader_next(reader, &batch, NULL, &err);
        if (status == SLU_OK)
            slu_array_release(&batch);
    }
    return status == SLU_END ? SLU_OK : status;
}

static void
broken_files_are_errors(void **state)
{
    (void)state;
    SLU_AUTO(slu_buf_fini) slu_buf file;
    make_sample(&file, 60, 8000);
    uint8_t *copy = guarded_copy(file.data, file.bytes);
    assert_int_equal(read_through(copy, file.bytes), SLU_OK);
    unsigned refused = 0;
    for (size_t at = 0; at < file.bytes; at += 7) {
        for (int k = 0; k < 2; k++) {
            const uint8_t kept = copy[at];
            copy[at] = (uint8_t)(k == 0 ? kept ^ (1u << (at % 8)) : 0xffu);
            refused += read_through(copy, file.bytes) != SLU_OK;
            copy[at] = kept;
        }
    }
    assert_true(refused > file.bytes / 40);
    for (size_t cut = 1; cut < file.bytes; cut += 11) {
        const slu_status status = read_through(copy + cut, file.bytes - cut);
        assert_true(status != SLU_OK);
        assert_true(read_through(copy, file.bytes - cut) != SLU_OK);
    }
    guarded_free(copy, file.bytes);
    CHECK_STATUS(read_through((const uint8_t *)"PAR1", 4), SLU_CORRUPT);
    CHECK_STATUS(read_through((const uint8_t *)"PAR1\xff\xff\xff\x7fPAR1", 12), SLU_CORRUPT);
    CHECK_STATUS(read_through((const uint8_t *)"PAR1\0\0\0\0PARE", 12), SLU_UNSUPPORTED);
}

static void
an_error_names_the_file_position(void **state)
{
    (void)state;
    SLU_AUTO(slu_buf_fini) slu_buf file;
    make_sample(&file, 300, 1 << 20);
    file.data[4] = 0xff; /* the first page header */
    CHECK_STATUS(read_through(file.data, file.bytes), SLU_CORRUPT);
    CHECK_MESSAGE(err, "file position 4");
}

static void
failing_allocations_leave_nothing_behind(void **state)
{
    (void)state;
    SLU_AUTO(slu_buf_fini) slu_buf file;
    make_sample(&file, 300, 1 << 20);
    for (uint64_t nth = 1; nth < 400; nth++) {
        (void)slu_alloc_fail_from(nth);
        const slu_status status = read_through(file.data, file.bytes);
        (void)slu_alloc_fail_from(0);
        if (status == SLU_OK)
            return;
        assert_int_equal(status, SLU_NOMEM);
    }
    fail_msg("the reader allocates more than 400 times for 300 rows");
}

static void
a_file_of_java_is_read(void **state)
{
    (void)state;
    SLU_AUTO(slu_buf_fini) slu_buf file;
    slu_buf_init(&file, 1 << 20);
    CHECK_OK(slu_file_read(SLUICE_TEST_DATA "/golden/parquet/java-all-types.parquet", 1 << 20, &file, &err));
    const slu_view view = slu_buf_view(&file);
    const parquet_source source = parquet_source_of_view(&view);
    SLU_AUTO(parquet_reader_free) parquet_reader *reader = NULL;
    struct ArrowSchema schema;
    struct ArrowArray batch;
    CHECK_OK(parquet_reader_open(&source, NULL, &reader, &err));
    assert_non_null(parquet_reader_key_value(reader, "iceberg.schema"));
    assert_int_equal(parquet_reader_column_count(reader), 20);
    CHECK_TEXT(parquet_reader_column(reader, 17)->name, "li");
    assert_int_equal(parquet_reader_column(reader, 17)->kind, PARQUET_KIND_LIST);
    const parquet_want wants[] = {{.field_id = 4}, {.field_id = 9}, {.field_id = 12}, {.field_id = 14}, {.field_id = 15}};
    CHECK_OK(parquet_reader_select(reader, wants, 5, &err));
    CHECK_OK(parquet_reader_schema(reader, &schema, &err));
    CHECK_OK(parquet_reader_next(reader, &batch, NULL, &err));
    const slu_column l = slu_column_child(&schema, &batch, 0), d = slu_column_child(&schema, &batch, 1),
                     ts = slu_column_child(&schema, &batch, 2), s = slu_column_child(&schema, &batch, 3),
                     u = slu_column_child(&schema, &batch, 4);
    int32_t bytes = 0;
    assert_true(slu_column_i64s(&l)[0] == INT64_C(1099511627776) && slu_column_i64s(&l)[1] == INT64_MIN);
    assert_true(slu_column_decimals(&d)[0] ==
                (slu_i128)INT64_C(1234567890123456789) * 10000000000 * 1000000000 + INT64_C(123456780123456789));
    assert_true(slu_column_i64s(&ts)[0] == INT64_C(1709212455123456));
    assert_memory_equal(slu_column_bytes(&s, 0, &bytes), "plain", 5);
    assert_int_equal(bytes, 5);
    assert_memory_equal(slu_column_bytes(&u, 0, &bytes), "\xf7\x9c\x3e\x09\x67\x7c\x4b\xbd\xa4\x79\x3f\x34\x9c\xb7\x85\xe7", 16);
    assert_false(slu_column_valid(&l, 2));
    slu_array_release(&batch);
    slu_schema_release(&schema);
}

/* As Arrow has it: a column that was moved out of a batch outlives the batch. */
static void
a_column_outlives_its_batch(void **state)
{
    (void)state;
    struct ArrowSchema schema, in_schema;
    struct ArrowArray in, batch, column;
    struct ArrowArray *children[1] = {&column};
    slu_buf bytes;
    SLU_AUTO(parquet_reader_free) parquet_reader *reader = NULL;
    make_sample(&bytes, 100, 1 << 20);
    const slu_view view = slu_buf_view(&bytes);
    const parquet_source source = parquet_source_of_view(&view);
    CHECK_OK(parquet_reader_open(&source, NULL, &reader, &err));
    CHECK_OK(parquet_reader_schema(reader, &schema, &err));
    CHECK_OK(parquet_reader_next(reader, &batch, NULL, &err));
    const int64_t rows = batch.length;
    slu_array_move(batch.children[0], &column);
    slu_array_release(&batch);
    sample_rows(0, rows, &in);
    sample_schema(&in_schema);
    const struct ArrowArray alone = {.length = rows, .n_children = 1, .children = children};
    const slu_column wanted = slu_column_child(&in_schema, &in, 0);
    const slu_column got = slu_column_child(&schema, &alone, 0);
    for (int64_t i = 0; i < rows; i++)
        assert_true(values_equal(0, &wanted, i, &got, i));
    slu_array_release(&column);
    slu_array_release(&in);
    slu_schema_release(&in_schema);
    slu_schema_release(&schema);
    slu_buf_fini(&bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_survives_every_codec),
        cmocka_unit_test(pages_and_row_groups_end_anywhere),
        cmocka_unit_test(only_selected_rows_are_written),
        cmocka_unit_test(metrics_add_up),
        cmocka_unit_test(row_groups_are_pruned_and_columns_chosen),
        cmocka_unit_test(pages_are_pruned),
        cmocka_unit_test(a_bloom_filter_of_others_is_asked),
        cmocka_unit_test(pages_of_nulls_are_known),
        cmocka_unit_test(splits_limit_what_is_read),
        cmocka_unit_test(what_cannot_be_is_said),
        cmocka_unit_test(a_null_in_a_required_column_is_refused),
        cmocka_unit_test(broken_files_are_errors),
        cmocka_unit_test(an_error_names_the_file_position),
        cmocka_unit_test(failing_allocations_leave_nothing_behind),
        cmocka_unit_test(a_file_of_java_is_read),
        cmocka_unit_test(a_column_outlives_its_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
