/* The kv room: rows and meta through flushes, kills and checkpoints. */
#include "support/check.h"

#include "base/file.h"
#include "kv/kv.h"

#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[64];

static int
make_root(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/slu_kv_XXXXXX");
    return mkdtemp(root) == NULL;
}

static int
remove_root(void **state)
{
    (void)state;
    return slu_dir_remove(root, NULL);
}

static void
put_range(slu_kv *kv, int from, int to, uint32_t word)
{
    slu_error err;
    slu_kv_batch *batch = NULL;
    CHECK_OK(slu_kv_batch_new(&batch, &err));
    for (int i = from; i < to; i++) {
        char key[16];
        char value[2000] = {0};
        (void)snprintf(key, sizeof key, "k%06d", i);
        (void)snprintf(value, sizeof value, "value-%d", i);
        slu_kv_batch_put(batch, slu_view_of_text(key), slu_view_of(value, sizeof value));
    }
    slu_kv_batch_put_meta(batch, slu_view_of_text("applied"), slu_view_of(&word, sizeof word));
    CHECK_OK(slu_kv_write(kv, batch, &err));
    slu_kv_batch_free(&batch);
}

static slu_status
count_row(void *context, slu_view key, slu_view value)
{
    (void)value;
    assert_int_equal(key.data[0], 'k');
    ++*(size_t *)context;
    return SLU_OK;
}

static slu_status
count_three(void *context, slu_view key, slu_view value)
{
    return count_row(context, key, value) == SLU_OK && *(size_t *)context == 3 ? SLU_END : SLU_OK;
}

static uint32_t
applied(slu_kv *kv)
{
    uint32_t word = 0;
    slu_error err;
    slu_buf value;
    slu_buf_init(&value, 100);
    if (slu_kv_get_meta(kv, slu_view_of_text("applied"), &value, &err) == SLU_OK)
        memcpy(&word, value.data, sizeof word);
    slu_buf_fini(&value);
    return word;
}

static void
rows_are_put_got_scanned_and_erased(void **state)
{
    (void)state;
    slu_error err;
    slu_kv_pool *pool = NULL;
    slu_kv *kv = NULL;
    slu_kv_batch *batch = NULL;
    const slu_kv_pool_options options = {.rows_bytes = 20000}; /* so small that it flushes on the way */
    char dir[80];
    (void)snprintf(dir, sizeof dir, "%s/a", root);
    CHECK_OK(slu_kv_pool_open(&options, &pool, &err));
    CHECK_OK(slu_kv_open(pool, dir, &kv, &err));
    CHECK_STATUS(applied(kv) == 0 ? SLU_OK : SLU_INVALID, SLU_OK);
    for (int i = 0; i < 10; i++)
        put_range(kv, i * 300, (i + 1) * 300, (uint32_t)i + 1);
    size_t rows = 0;
    CHECK_OK(slu_kv_scan(kv, slu_view_of_text(""), count_row, &rows, &err));
    assert_int_equal(rows, 3000);
    rows = 0;
    CHECK_OK(slu_kv_scan(kv, slu_view_of_text("k0012"), count_row, &rows, &err));
    assert_int_equal(rows, 100);
    rows = 0;
    CHECK_OK(slu_kv_scan(kv, slu_view_of_text("k0012"), count_three, &rows, &err));
    assert_int_equal(rows, 3);
    CHECK_OK(slu_kv_batch_new(&batch, &err));
    slu_kv_batch_erase(batch, slu_view_of_text("k000007"));
    CHECK_OK(slu_kv_write(kv, batch, &err));
    slu_kv_batch_free(&batch);
    const slu_view keys[3] = {slu_view_of_text("k000006"), slu_view_of_text("k000007"), slu_view_of_text("k002999")};
    slu_view values[3];
    CHECK_OK(slu_kv_get_many(kv, keys, 3, values, &err));
    assert_true(values[0].data != NULL && values[1].data == NULL && values[2].data != NULL);
    assert_int_equal(values[2].bytes, 2000);
    CHECK_TEXT((const char *)values[2].data, "value-2999");
    assert_int_equal(applied(kv), 10);
    slu_kv_close(&kv);
    CHECK_OK(slu_kv_open(pool, dir, &kv, &err));
    assert_int_equal(applied(kv), 10);
    slu_kv_close(&kv);
    slu_kv_pool_close(&pool);
}

static slu_status
checkpoint(slu_kv *kv, const char *dir)
{
    slu_error err;
    slu_kv_checkpoint *taken = NULL;
    CHECK_OK(slu_kv_checkpoint_begin(kv, &taken, &err));
    const slu_status status = slu_kv_checkpoint_take(taken, dir, &err);
    assert_true(slu_kv_checkpoint_end(&taken));
    return status;
}

static void
a_checkpoint_is_a_store_of_its_own(void **state)
{
    (void)state;
    slu_error err;
    slu_kv_pool *pool = NULL;
    slu_kv *kv = NULL;
    slu_kv *copy = NULL;
    const slu_kv_pool_options options = {0};
    char dir[80];
    char snap[80];
    (void)snprintf(dir, sizeof dir, "%s/b", root);
    (void)snprintf(snap, sizeof snap, "%s/snap", root);
    CHECK_OK(slu_kv_pool_open(&options, &pool, &err));
    CHECK_OK(slu_kv_open(pool, dir, &kv, &err));
    put_range(kv, 0, 100, 1);
    CHECK_OK(checkpoint(kv, snap));
    put_range(kv, 100, 200, 2);
    CHECK_OK(slu_kv_open(pool, snap, &copy, &err));
    size_t rows = 0;
    CHECK_OK(slu_kv_scan(copy, slu_view_of_text(""), count_row, &rows, &err));
    assert_int_equal(rows, 100);
    assert_int_equal(applied(copy), 1);
    assert_int_equal(applied(kv), 2);
    assert_true(checkpoint(kv, snap) != SLU_OK);
    slu_kv_close(&copy);
    slu_kv_close(&kv);
    slu_kv_pool_close(&pool);
}

typedef struct taker {
    slu_kv_checkpoint *checkpoint;
    const char *dir;
    slu_status status;
} taker;

static void *
take(void *context)
{
    slu_error err;
    taker *t = context;
    t->status = slu_kv_checkpoint_take(t->checkpoint, t->dir, &err);
    return NULL;
}

/* Rows of ten to a meta word: whenever it is taken, a copy has all rows that its word speaks of, and no other. */
static void
a_checkpoint_is_taken_while_the_store_is_written_on(void **state)
{
    (void)state;
    slu_error err;
    slu_kv_pool *pool = NULL;
    slu_kv *kv = NULL;
    const slu_kv_pool_options options = {.rows_bytes = 600000};
    char dir[80];
    (void)snprintf(dir, sizeof dir, "%s/busy", root);
    CHECK_OK(slu_kv_pool_open(&options, &pool, &err));
    CHECK_OK(slu_kv_open(pool, dir, &kv, &err));
    uint32_t tens = 0;
    for (int round = 0; round < 20; round++) {
        char snap[80];
        pthread_t thread;
        taker t = {.dir = snap};
        slu_kv *copy = NULL;
        size_t rows = 0;
        SLU_AUTO(slu_buf_fini) slu_buf word = {0};
        slu_buf_init(&word, 100);
        (void)snprintf(snap, sizeof snap, "%s/busy-%d", root, round);
        put_range(kv, (int)tens * 10, (int)tens * 10 + 10, tens + 1);
        tens++;
        const uint32_t before = tens;
        CHECK_OK(slu_kv_checkpoint_begin(kv, &t.checkpoint, &err));
        assert_int_equal(pthread_create(&thread, NULL, take, &t), 0);
        for (int i = 0; i < 50; i++, tens++)
            put_range(kv, (int)tens * 10, (int)tens * 10 + 10, tens + 1);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(t.status, SLU_OK);
        assert_true(slu_kv_checkpoint_end(&t.checkpoint));
        CHECK_OK(slu_kv_read_meta(snap, slu_view_of_text("applied"), &word, &err));
        CHECK_OK(slu_kv_open(pool, snap, &copy, &err));
        assert_true(applied(copy) >= before && applied(copy) <= tens);
        assert_memory_equal(word.data, &(uint32_t){applied(copy)}, sizeof(uint32_t));
        CHECK_OK(slu_kv_scan(copy, slu_view_of_text(""), count_row, &rows, &err));
        assert_int_equal(rows, applied(copy) * 10);
        slu_kv_close(&copy);
    }
    slu_kv_close(&kv);
    slu_kv_pool_close(&pool);
}

static void
a_store_that_closes_ends_its_checkpoint(void **state)
{
    (void)state;
    slu_error err;
    slu_kv_pool *pool = NULL;
    slu_kv *kv = NULL;
    slu_kv_checkpoint *early = NULL;
    const slu_kv_pool_options options = {0};
    char dir[80];
    char snap[80];
    (void)snprintf(dir, sizeof dir, "%s/ends", root);
    (void)snprintf(snap, sizeof snap, "%s/ends-not", root);
    CHECK_OK(slu_kv_pool_open(&options, &pool, &err));
    CHECK_OK(slu_kv_open(pool, dir, &kv, &err));
    put_range(kv, 0, 10, 1);
    CHECK_OK(slu_kv_checkpoint_begin(kv, &early, &err));
    slu_kv_close(&kv);
    slu_kv_pool_close(&pool);
    CHECK_STATUS(slu_kv_checkpoint_take(early, snap, &err), SLU_CLOSED);
    assert_false(slu_kv_checkpoint_end(&early));
    assert_false(slu_kv_checkpoint_end(&early));
}

/* The child writes, flushes now and then, and dies; whatever the parent finds, no row that meta speaks of is missing. */
static void
meta_is_never_ahead_of_the_rows_after_a_kill(void **state)
{
    (void)state;
    slu_error err;
    char dir[80];
    (void)snprintf(dir, sizeof dir, "%s/c", root);
    const slu_kv_pool_options options = {.rows_bytes = 5000};
    const pid_t child = fork();
    if (child == 0) {
        slu_kv_pool *pool = NULL;
        slu_kv *kv = NULL;
        if (slu_kv_pool_open(&options, &pool, &err) != SLU_OK || slu_kv_open(pool, dir, &kv, &err) != SLU_OK)
            _exit(1);
        for (int i = 0; i < 50; i++)
            put_range(kv, i * 10, (i + 1) * 10, (uint32_t)i + 1);
        abort();
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how));
    slu_kv_pool *pool = NULL;
    slu_kv *kv = NULL;
    CHECK_OK(slu_kv_pool_open(&options, &pool, &err));
    CHECK_OK(slu_kv_open(pool, dir, &kv, &err));
    size_t rows = 0;
    CHECK_OK(slu_kv_scan(kv, slu_view_of_text(""), count_row, &rows, &err));
    assert_in_range(applied(kv), 1, 50); /* it flushed on the way */
    assert_true(rows >= applied(kv) * 10);
    slu_kv_close(&kv);
    CHECK_OK(slu_kv_open(pool, dir, &kv, &err));
    size_t again = 0;
    CHECK_OK(slu_kv_scan(kv, slu_view_of_text(""), count_row, &again, &err));
    assert_int_equal(again, rows);
    slu_kv_close(&kv);
    slu_kv_pool_close(&pool);
}

static void
a_broken_directory_is_an_error_with_a_name(void **state)
{
    (void)state;
    slu_error err;
    slu_kv_pool *pool = NULL;
    slu_kv *kv = NULL;
    const slu_kv_pool_options options = {0};
    char path[96];
    (void)snprintf(path, sizeof path, "%s/d", root);
    CHECK_OK(slu_dir_make(path, &err));
    (void)snprintf(path, sizeof path, "%s/d/CURRENT", root);
    CHECK_OK(slu_file_write(path, slu_view_of_text("nonsense\n"), false, &err));
    (void)snprintf(path, sizeof path, "%s/d", root);
    CHECK_OK(slu_kv_pool_open(&options, &pool, &err));
    assert_true(slu_kv_open(pool, path, &kv, &err) < 0);
    CHECK_MESSAGE(err, path);
    assert_null(kv);
    slu_kv_pool_close(&pool);
}

/* Rows of put_range that are there, of so many. */
static int
rows_found(slu_kv *kv, int from, int to)
{
    int found = 0;
    slu_error err;
    for (int i = from; i < to; i++) {
        char key[16];
        char value[32];
        slu_view got;
        (void)snprintf(key, sizeof key, "k%06d", i);
        (void)snprintf(value, sizeof value, "value-%d", i);
        const slu_view wanted = slu_view_of_text(key);
        CHECK_OK(slu_kv_get_many(kv, &wanted, 1, &got, &err));
        found += got.data != NULL && strcmp((const char *)got.data, value) == 0;
    }
    return found;
}

#define MEMTABLE_ROWS 20 /* few enough for RocksDB's memory */
#define FILE_ROWS 400    /* enough for a file */

/* Rows that were written behind what a checkpoint flushed, and are in RocksDB's memory when the next file comes. */
static void
write_behind_a_checkpoint(slu_kv *kv, const char *copy)
{
    slu_error err;
    size_t rows = 0;
    slu_kv_checkpoint *checkpoint = NULL;
    put_range(kv, 0, MEMTABLE_ROWS, 1);
    CHECK_OK(slu_kv_checkpoint_begin(kv, &checkpoint, &err));
    CHECK_OK(slu_kv_checkpoint_take(checkpoint, copy, &err));
    CHECK_OK(slu_kv_flush(kv, &err));
    put_range(kv, MEMTABLE_ROWS, 2 * MEMTABLE_ROWS, 2);
    CHECK_OK(slu_kv_scan(kv, slu_view_of_text(""), count_row, &rows, &err));
    assert_true(slu_kv_checkpoint_end(&checkpoint));
    put_range(kv, 1000, 1000 + FILE_ROWS, 3);
    CHECK_OK(slu_kv_scan(kv, slu_view_of_text(""), count_row, &rows, &err));
}

static void
rows_behind_a_checkpoint_are_stored_before_their_meta(void **state)
{
    (void)state;
    slu_error err;
    char dir[80];
    const slu_kv_pool_options options = {0};
    slu_kv_pool *pool = NULL;
    slu_kv *kv = NULL;
    (void)snprintf(dir, sizeof dir, "%s/behind", root);
    CHECK_OK(slu_kv_pool_open(&options, &pool, &err));
    CHECK_OK(slu_kv_open(pool, dir, &kv, &err));
    assert_int_equal(applied(kv), 3);
    assert_int_equal(rows_found(kv, 0, 2 * MEMTABLE_ROWS), 2 * MEMTABLE_ROWS);
    assert_int_equal(rows_found(kv, 1000, 1000 + FILE_ROWS), FILE_ROWS);
    slu_kv_close(&kv);
    slu_kv_pool_close(&pool);
}

/* Some table file of a store. */
static void
find_table_file(const char *dir, char *out, size_t bytes)
{
    DIR *files = opendir(dir);
    assert_non_null(files);
    out[0] = '\0';
    for (const struct dirent *file = readdir(files); file != NULL; file = readdir(files))
        if (strstr(file->d_name, ".sst") != NULL && (size_t)snprintf(out, bytes, "%s/%s", dir, file->d_name) >= bytes)
            fail();
    (void)closedir(files);
    assert_true(out[0] != '\0');
}

/* A process died when RocksDB had taken a file in, and before the file's own name was gone: both names are one file. */
static void
a_file_that_was_taken_in_is_not_written_over(void **state)
{
    (void)state;
    slu_error err;
    char dir[80];
    char sealed[96];
    char file[400];
    const slu_kv_pool_options options = {0};
    slu_kv_pool *pool = NULL;
    slu_kv *kv = NULL;
    (void)snprintf(dir, sizeof dir, "%s/linked", root);
    (void)snprintf(sealed, sizeof sealed, "%s/sealed.sst", dir);
    CHECK_OK(slu_kv_pool_open(&options, &pool, &err));
    CHECK_OK(slu_kv_open(pool, dir, &kv, &err));
    put_range(kv, 0, FILE_ROWS, 1);
    CHECK_OK(slu_kv_flush(kv, &err));
    find_table_file(dir, file, sizeof file);
    slu_kv_close(&kv);
    assert_int_equal(link(file, sealed), 0);
    CHECK_OK(slu_kv_open(pool, dir, &kv, &err));
    put_range(kv, 1000, 1000 + FILE_ROWS, 2);
    slu_kv_close(&kv);
    CHECK_OK(slu_kv_open(pool, dir, &kv, &err));
    assert_int_equal(rows_found(kv, 0, FILE_ROWS), FILE_ROWS);
    assert_int_equal(rows_found(kv, 1000, 1000 + FILE_ROWS), FILE_ROWS);
    assert_int_equal(applied(kv), 2);
    slu_kv_close(&kv);
    slu_kv_pool_close(&pool);
}

/* Writes until it is refused; the rows that were taken. */
static int
put_until_refused(slu_kv *kv)
{
    slu_error err;
    slu_status status = SLU_OK;
    int rows = 0;
    slu_kv_batch *batch = NULL;
    CHECK_OK(slu_kv_batch_new(&batch, &err));
    for (; rows < 100000; rows++) {
        char key[16];
        char value[2000] = {0};
        (void)snprintf(key, sizeof key, "k%06d", 1000 + rows);
        (void)snprintf(value, sizeof value, "value-%d", 1000 + rows);
        slu_kv_batch_reset(batch);
        slu_kv_batch_put(batch, slu_view_of_text(key), slu_view_of(value, sizeof value));
        status = slu_kv_write(kv, batch, &err);
        if (status != SLU_OK)
            break;
    }
    slu_kv_batch_free(&batch);
    assert_int_equal(status, SLU_IO);
    return rows;
}

/* A folder where one store's file would be: it can store nothing, and is read; another one of the pool does not notice. */
static void
a_store_that_cannot_be_stored_is_read_and_stops_no_other(void **state)
{
    (void)state;
    slu_error err;
    char dirs[2][80];
    char there[96];
    const slu_kv_pool_options options = {.rows_bytes = (size_t)1 << 20};
    slu_kv_pool *pool = NULL;
    slu_kv *kvs[2] = {NULL, NULL};
    CHECK_OK(slu_kv_pool_open(&options, &pool, &err));
    for (int i = 0; i < 2; i++) {
        (void)snprintf(dirs[i], sizeof dirs[i], "%s/refused-%d", root, i);
        CHECK_OK(slu_kv_open(pool, dirs[i], &kvs[i], &err));
        put_range(kvs[i], 0, FILE_ROWS, 1);
        CHECK_OK(slu_kv_flush(kvs[i], &err));
    }
    (void)snprintf(there, sizeof there, "%s/sealed.sst", dirs[0]);
    assert_int_equal(mkdir(there, 0777), 0);
    const int taken = put_until_refused(kvs[0]);
    assert_true(slu_kv_failed(kvs[0]));
    for (int i = 0; i < 10; i++)
        put_range(kvs[1], i * FILE_ROWS, (i + 1) * FILE_ROWS, 2);
    assert_int_equal(rows_found(kvs[1], 0, 10 * FILE_ROWS), 10 * FILE_ROWS);
    assert_false(slu_kv_failed(kvs[1]));
    assert_int_equal(rows_found(kvs[0], 0, FILE_ROWS), FILE_ROWS);
    assert_int_equal(rows_found(kvs[0], 1000, 1000 + taken), taken);
    assert_int_equal(rmdir(there), 0);
    put_range(kvs[0], 5000, 5000 + FILE_ROWS, 3);
    for (int i = 0; i < 2; i++)
        slu_kv_close(&kvs[i]);
    CHECK_OK(slu_kv_open(pool, dirs[0], &kvs[0], &err));
    assert_int_equal(rows_found(kvs[0], 1000, 1000 + taken), taken);
    assert_int_equal(rows_found(kvs[0], 5000, 5000 + FILE_ROWS), FILE_ROWS);
    slu_kv_close(&kvs[0]);
    slu_kv_pool_close(&pool);
}

#define MANY 6
#define MANY_ROUNDS 5

/* Stores share a budget that is smaller than what any of them is given, and are closed when the storer has their rows. */
static void
many_stores_are_closed_while_their_rows_are_stored(void **state)
{
    (void)state;
    slu_error err;
    char dir[80];
    const slu_kv_pool_options options = {.rows_bytes = (size_t)1 << 20};
    slu_kv_pool *pool = NULL;
    slu_kv *kvs[MANY] = {NULL};
    CHECK_OK(slu_kv_pool_open(&options, &pool, &err));
    for (int round = 0; round < MANY_ROUNDS; round++)
        for (int i = 0; i < MANY; i++) {
            (void)snprintf(dir, sizeof dir, "%s/many-%d", root, i);
            slu_kv_close(&kvs[i]); /* maybe on its way since the round before */
            CHECK_OK(slu_kv_open(pool, dir, &kvs[i], &err));
            assert_int_equal(applied(kvs[i]), round);
            put_range(kvs[i], round * FILE_ROWS, (round + 1) * FILE_ROWS, (uint32_t)round + 1);
            assert_int_equal(rows_found(kvs[(i + 1) % MANY] != NULL ? kvs[(i + 1) % MANY] : kvs[i], 0, round), round);
        }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(rows_found(kvs[i], 0, MANY_ROUNDS * FILE_ROWS), MANY_ROUNDS * FILE_ROWS);
        assert_false(slu_kv_failed(kvs[i]));
        slu_kv_close(&kvs[i]);
    }
    slu_kv_pool_close(&pool);
}

/* What died before RocksDB has threads here, whose copies a child would wait for. */
static int
make_root_and_die_in_it(void **state)
{
    slu_error err;
    char dir[80];
    char copy[80];
    int how = 0;
    const slu_kv_pool_options options = {0};
    slu_kv_pool *pool = NULL;
    slu_kv *kv = NULL;
    if (make_root(state) != 0)
        return 1;
    (void)snprintf(dir, sizeof dir, "%s/behind", root);
    (void)snprintf(copy, sizeof copy, "%s/behind.copy", root);
    const pid_t child = fork();
    if (child == 0) {
        if (slu_kv_pool_open(&options, &pool, &err) != SLU_OK || slu_kv_open(pool, dir, &kv, &err) != SLU_OK)
            _exit(1);
        write_behind_a_checkpoint(kv, copy);
        abort();
    }
    return waitpid(child, &how, 0) != child || !WIFSIGNALED(how);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meta_is_never_ahead_of_the_rows_after_a_kill), /* first: it forks before RocksDB has threads */
        cmocka_unit_test(rows_behind_a_checkpoint_are_stored_before_their_meta),
        cmocka_unit_test(rows_are_put_got_scanned_and_erased),
        cmocka_unit_test(a_checkpoint_is_a_store_of_its_own),
        cmocka_unit_test(a_checkpoint_is_taken_while_the_store_is_written_on),
        cmocka_unit_test(a_store_that_closes_ends_its_checkpoint),
        cmocka_unit_test(a_file_that_was_taken_in_is_not_written_over),
        cmocka_unit_test(a_store_that_cannot_be_stored_is_read_and_stops_no_other),
        cmocka_unit_test(many_stores_are_closed_while_their_rows_are_stored),
        cmocka_unit_test(a_broken_directory_is_an_error_with_a_name),
    };
    return cmocka_run_group_tests(tests, make_root_and_die_in_it, remove_root);
}
