/* kv_reader.c: a checkpoint, read from its first row to its last; see kv.h. */
#include "kv/kv.h"

#include "base/alloc.h"
#include "kv/kv_error.h"
#include "kv/kv_text_log.h"

#include <rocksdb/c.h>

#define READER_CACHE_BYTES ((size_t)4 << 20)
#define READER_AHEAD_BYTES ((size_t)2 << 20)
#define READER_OPEN_FILES_MAX 64

struct slu_kv_reader {
    rocksdb_options_t *options;
    rocksdb_readoptions_t *read;
    rocksdb_t *db;
    rocksdb_iterator_t *at;
    bool moved; /* the iterator stands on a row that was given out */
};

static rocksdb_options_t *
reader_options_new(void)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_cache_t *cache = rocksdb_cache_create_lru(READER_CACHE_BYTES);
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_options_set_max_open_files(options, READER_OPEN_FILES_MAX);
    rocksdb_cache_destroy(cache);
    rocksdb_block_based_options_destroy(table);
    return options;
}

slu_status
slu_kv_reader_open(const char *dir, slu_kv_reader **out, slu_error *err)
{
    char *text = NULL;
    slu_kv_reader *reader = slu_alloc_zero(1, sizeof *reader);
    if (reader == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory to read %s", dir);
    reader->options = reader_options_new();
    reader->read = rocksdb_readoptions_create();
    rocksdb_readoptions_set_readahead_size(reader->read, READER_AHEAD_BYTES);
    rocksdb_readoptions_set_fill_cache(reader->read, 0);
    kv_text_log log;
    kv_text_log_begin(&log, reader->options);
    reader->db = rocksdb_open_for_read_only(reader->options, dir, 0, &text);
    kv_text_log_end(&log);
    if (text != NULL) {
        reader->db = NULL;
        slu_kv_reader_close(&reader);
        return kv_error(err, text, dir);
    }
    reader->at = rocksdb_create_iterator(reader->db, reader->read);
    rocksdb_iter_seek_to_first(reader->at);
    *out = reader;
    return SLU_OK;
}

void
slu_kv_reader_close(slu_kv_reader **reader)
{
    if (*reader == NULL)
        return;
    if ((*reader)->at != NULL)
        rocksdb_iter_destroy((*reader)->at);
    if ((*reader)->db != NULL)
        rocksdb_close((*reader)->db);
    rocksdb_readoptions_destroy((*reader)->read);
    rocksdb_options_destroy((*reader)->options);
    slu_free(*reader);
    *reader = NULL;
}

slu_status
slu_kv_reader_next(slu_kv_reader *reader, slu_view *out_key, slu_view *out_value, slu_error *err)
{
    char *text = NULL;
    if (reader->moved && rocksdb_iter_valid(reader->at))
        rocksdb_iter_next(reader->at);
    reader->moved = true;
    if (rocksdb_iter_valid(reader->at)) {
        out_key->data = (const uint8_t *)rocksdb_iter_key(reader->at, &out_key->bytes);
        out_value->data = (const uint8_t *)rocksdb_iter_value(reader->at, &out_value->bytes);
        return SLU_OK;
    }
    rocksdb_iter_get_error(reader->at, &text);
    return text != NULL ? kv_error(err, text, "read of the rows") : SLU_END;
}
