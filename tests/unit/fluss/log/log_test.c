/* The log of a bucket: offsets, duplicates, torn tails, times, segments, against a plain list of what was appended. */
#include "support/check.h"

#include "base/alloc.h"
#include "base/file.h"
#include "../server/batches.h"
#include "fluss/log/log.h"
#include "fluss/log/segment.h"
#include "fluss/log/writers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

static char root[64];
static slu_env_fake fake;

static int
make_root(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/slu_log_XXXXXX");
    slu_env_init_fake(&fake, 1);
    return mkdtemp(root) == NULL;
}

static int
remove_root(void **state)
{
    (void)state;
    return slu_dir_remove(root, NULL);
}

static fluss_log *
open_log(const char *name, uint64_t segment_bytes, uint64_t snapshot_bytes)
{
    slu_error err;
    char dir[128];
    fluss_log *log = NULL;
    const fluss_log_options options = {.segment_bytes = segment_bytes, .snapshot_bytes = snapshot_bytes};
    (void)snprintf(dir, sizeof dir, "%s/%s", root, name);
    CHECK_OK(fluss_log_open(&fake.env, dir, name, &options, &log, &err));
    return log;
}

static fluss_appended
append(fluss_log *log, int64_t writer, int32_t sequence, int32_t records, size_t body)
{
    slu_error err;
    fluss_appended appended = {0};
    slu_buf buf;
    slu_buf_init(&buf, 10 << 20);
    batch_make(&buf, writer, sequence, records, body);
    CHECK_OK(fluss_log_append(log, slu_buf_view(&buf), &appended, &err));
    slu_buf_fini(&buf);
    return appended;
}

/* Leaves the log as a killed process would: nothing is written on the way out. */
static void
crash(fluss_log **log, const char *name)
{
    /* The files of a live log are copied: the copy never saw a close. */
    char command[300];
    (void)snprintf(command, sizeof command, "rm -rf %s/%s.x && cp -r %s/%s %s/%s.x", root, name, root, name, root, name);
    assert_int_equal(system(command), 0);
    fluss_log_close(log);
    (void)snprintf(command, sizeof command, "rm -rf %s/%s && mv %s/%s.x %s/%s", root, name, root, name, root, name);
    assert_int_equal(system(command), 0);
}

/* Reads everything from `from`; checks that batches follow each other; returns the number of batches. */
static size_t
read_all(fluss_log *log, int64_t from, size_t bytes_max)
{
    slu_error err;
    size_t count = 0;
    slu_buf buf;
    slu_buf_init(&buf, 64 << 20);
    int64_t next = from;
    int64_t expected = -1;
    while (next < fluss_log_end(log)) {
        slu_buf_reset(&buf);
        const int64_t asked = next;
        CHECK_OK(fluss_log_read(log, next, bytes_max, true, &buf, &next, &err));
        assert_true(next > asked);
        for (size_t at = 0; at < buf.bytes;) {
            fluss_log_header head;
            CHECK_OK(fluss_log_head(slu_view_of(buf.data + at, buf.bytes - at), &head, &err));
            CHECK_OK(fluss_log_verify(slu_view_of(buf.data + at, head.batch_bytes), &head, &err));
            if (expected < 0)
                assert_true(head.base_offset <= from && head.base_offset + head.last_offset_delta >= from);
            else
                assert_int_equal(head.base_offset, expected);
            expected = head.base_offset + head.last_offset_delta + 1;
            at += head.batch_bytes;
            count++;
        }
        assert_int_equal(expected, next);
    }
    slu_buf_fini(&buf);
    return count;
}

static void
batches_get_offsets_and_are_read_back_from_any_offset(void **state)
{
    (void)state;
    fluss_log *log = open_log("a", 20000, 0);
    int64_t next = 0;
    for (int i = 0; i < 300; i++) {
        const fluss_appended appended = append(log, -1, -1, i % 7, (size_t)(i * 13 % 900));
        assert_int_equal(appended.base_offset, next);
        next += i % 7 == 0 ? 1 : i % 7;
        assert_int_equal(appended.next_offset, next);
        slu_env_fake_advance(&fake, 10);
    }
    assert_int_equal(fluss_log_start(log), 0);
    assert_int_equal(fluss_log_end(log), next);
    assert_int_equal(read_all(log, 0, 1 << 20), 300);
    assert_int_equal(read_all(log, 0, 1), 300); /* a batch at a time, all larger than what was asked for */
    for (int64_t from = 0; from < next; from += 17)
        (void)read_all(log, from, 3000);
    slu_error err;
    slu_buf buf;
    slu_buf_init(&buf, 1000);
    CHECK_STATUS(fluss_log_read(log, next + 1, 100, true, &buf, &next, &err), SLU_NOTFOUND);
    CHECK_STATUS(fluss_log_read(log, -1, 100, true, &buf, &next, &err), SLU_NOTFOUND);
    assert_int_equal(err.code, 19);
    slu_buf_fini(&buf);
    fluss_log_close(&log);
    log = open_log("a", 20000, 0);
    assert_int_equal(fluss_log_end(log), next);
    assert_int_equal(read_all(log, 0, 5000), 300);
    fluss_log_close(&log);
}

static void
a_batch_sent_twice_is_stored_once_also_after_a_crash(void **state)
{
    (void)state;
    slu_error err;
    slu_buf buf;
    fluss_log *log = open_log("b", 1 << 20, 2000);
    for (int32_t i = 0; i < 50; i++)
        (void)append(log, 7, i, 10, 100);
    for (int round = 0; round < 3; round++) {
        const int64_t end = fluss_log_end(log);
        for (int32_t i = 45; i < 50; i++) {
            const fluss_appended again = append(log, 7, i, 10, 100);
            assert_true(again.duplicate);
            assert_int_equal(again.base_offset, i * 10);
            assert_int_equal(again.next_offset, i * 10 + 10);
        }
        assert_int_equal(fluss_log_end(log), end);
        slu_buf_init(&buf, 10000);
        fluss_appended appended;
        batch_make(&buf, 7, 44, 1, 10); /* forgotten: too old */
        CHECK_STATUS(fluss_log_append(log, slu_buf_view(&buf), &appended, &err), SLU_INVALID);
        assert_int_equal(err.code, 31);
        slu_buf_reset(&buf);
        batch_make(&buf, 7, 51, 1, 10); /* a gap */
        CHECK_STATUS(fluss_log_append(log, slu_buf_view(&buf), &appended, &err), SLU_INVALID);
        slu_buf_reset(&buf);
        batch_make(&buf, 8, 1, 1, 10); /* an unknown writer begins with 0 */
        CHECK_STATUS(fluss_log_append(log, slu_buf_view(&buf), &appended, &err), SLU_INVALID);
        slu_buf_fini(&buf);
        if (round == 0) {
            crash(&log, "b");
            log = open_log("b", 1 << 20, 2000);
        } else if (round == 1) {
            fluss_log_close(&log);
            log = open_log("b", 1 << 20, 2000);
        }
    }
    assert_false(append(log, 7, 50, 1, 1).duplicate);
    fluss_log_close(&log);
}

static void
a_torn_tail_is_cut_and_everything_before_it_stays(void **state)
{
    (void)state;
    /* The last batch is shortened to every length from 0 to its own: only whole, it is there. */
    fluss_log *log = open_log("c", 1 << 20, 1 << 20);
    for (int32_t i = 0; i < 20; i++)
        (void)append(log, 3, i, 5, 300);
    char path[160];
    (void)snprintf(path, sizeof path, "%s/c/%020d.log", root, 0);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    crash(&log, "c");
    for (off_t cut = 1; cut <= 348; cut += 13) {
        assert_int_equal(truncate(path, info.st_size - cut), 0);
        log = open_log("c", 1 << 20, 1 << 20);
        assert_int_equal(fluss_log_end(log), 95);
        assert_int_equal(read_all(log, 0, 1 << 20), 19);
        assert_false(append(log, 3, 19, 5, 300).duplicate);
        crash(&log, "c");
    }
}

static void
flip(const char *path, off_t at)
{
    uint8_t byte = 0;
    const int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x5a;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
}

static void
check_damaged(fluss_log *log, int64_t before, int64_t end, size_t behind)
{
    slu_error err;
    slu_buf buf;
    int64_t next = 0;
    slu_buf_init(&buf, 1 << 20);
    assert_int_equal(fluss_log_end(log), end);
    CHECK_OK(fluss_log_read(log, 0, 1 << 20, true, &buf, &next, &err));
    assert_int_equal(next, before);
    CHECK_STATUS(fluss_log_read(log, before, 1 << 20, true, &buf, &next, &err), SLU_CORRUPT);
    CHECK_MESSAGE(err, "00000000000000000000.log at");
    assert_int_equal(read_all(log, before + 5, 1 << 20), behind);
    slu_buf_fini(&buf);
}

/* A flipped byte in the middle is no torn tail: what is behind it was acknowledged and stays, and its reader is told. */
static void
a_damaged_batch_in_the_middle_loses_only_itself(void **state)
{
    (void)state;
    fluss_log *log = open_log("dmg", 1 << 20, 1 << 20);
    for (int32_t i = 0; i < 20; i++)
        (void)append(log, 3, i, 5, 300);
    char path[160];
    (void)snprintf(path, sizeof path, "%s/dmg/%020d.log", root, 0);
    crash(&log, "dmg");
    flip(path, 10 * 348 + 100);
    for (int round = 0; round < 2; round++) { /* found by recovery, then by reading alone */
        log = open_log("dmg", 1 << 20, 1 << 20);
        check_damaged(log, 50, 100 + 5 * round, 9 + (size_t)round);
        assert_false(append(log, 3, 20 + round, 5, 300).duplicate);
        fluss_log_close(&log);
    }
}

static void
indexes_that_are_lost_or_lie_are_made_anew(void **state)
{
    static const char *const suffixes[] = {"index", "timeindex"};
    slu_error err;
    char path[160];
    char command[500];
    struct stat good;
    (void)state;
    fluss_log *log = open_log("idx", 100000, 1 << 20);
    for (int32_t i = 0; i < 700; i++) {
        (void)append(log, 3, i, 5, 300);
        slu_env_fake_advance(&fake, 1);
    }
    const int64_t newest = slu_wall_ms(&fake.env);
    fluss_log_close(&log);
    (void)snprintf(command, sizeof command, "cp -r %s/idx %s/idx.good", root, root);
    assert_int_equal(system(command), 0);
    for (int kind = 0; kind < 10; kind++) {
        (void)snprintf(path, sizeof path, "%s/idx/%020d.%s", root, kind / 5 * 1435, suffixes[kind % 2]);
        assert_int_equal(stat(path, &good), 0);
        switch (kind % 5) {
        case 0: assert_int_equal(unlink(path), 0); break;
        case 1: assert_int_equal(truncate(path, 5), 0); break;
        case 2: flip(path, 8); break;                                           /* out of order, or beyond */
        case 3: flip(path, good.st_size / 24 * 12 + 3); break;                  /* points beside a batch */
        default: assert_int_equal(truncate(path, good.st_size - 40), 0); break; /* shorter: slower, no more */
        }
        log = open_log("idx", 100000, 1 << 20);
        assert_int_equal(fluss_log_end(log), 3500);
        assert_int_equal(read_all(log, 0, 5000), 700);
        for (int64_t offset = 0; offset < 3500; offset += 271) {
            slu_buf buf;
            int64_t next = 0;
            fluss_log_header head;
            slu_buf_init(&buf, 1 << 20);
            CHECK_OK(fluss_log_read(log, offset, 1, true, &buf, &next, &err));
            CHECK_OK(fluss_log_peek(slu_buf_view(&buf), &head, &err));
            assert_int_equal(head.base_offset, offset / 5 * 5);
            int64_t found = -1;
            CHECK_OK(fluss_log_offset_at(log, newest - 700 + offset / 5, &found, &err));
            assert_int_equal(found, offset / 5 * 5);
            slu_buf_fini(&buf);
        }
        fluss_log_close(&log);
        (void)snprintf(command, sizeof command, "rm -rf %s/idx && cp -r %s/idx.good %s/idx", root, root, root);
        assert_int_equal(system(command), 0);
    }
}

static void
a_snapshot_ahead_of_the_log_is_not_believed(void **state)
{
    (void)state;
    fluss_log *log = open_log("d", 1 << 20, 1 << 20);
    for (int32_t i = 0; i < 10; i++)
        (void)append(log, 3, i, 5, 300);
    fluss_log_close(&log); /* writes a snapshot at 50 */
    char path[160];
    (void)snprintf(path, sizeof path, "%s/d/%020d.log", root, 0);
    assert_int_equal(truncate(path, 5 * 348 + 7), 0);
    log = open_log("d", 1 << 20, 1 << 20);
    assert_int_equal(fluss_log_end(log), 25);
    assert_true(append(log, 3, 4, 5, 300).duplicate);
    assert_false(append(log, 3, 5, 5, 300).duplicate);
    fluss_log_close(&log);
}

static void
offsets_by_time_are_the_first_batch_not_before(void **state)
{
    (void)state;
    slu_error err;
    fluss_log *log = open_log("e", 8000, 0);
    int64_t times[200];
    for (int i = 0; i < 200; i++) {
        (void)append(log, -1, -1, 2, 150);
        times[i] = slu_wall_ms(&fake.env);
        if (i % 3 == 0)
            slu_env_fake_advance(&fake, 7);
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 200; i++) {
            for (int64_t t = times[i] - 3; t <= times[i] + 3; t += 3) {
                int64_t want = 0;
                while (want < 200 && times[want] < t)
                    want++;
                int64_t offset = -1;
                CHECK_OK(fluss_log_offset_at(log, t, &offset, &err));
                assert_int_equal(offset, want * 2);
            }
        }
        crash(&log, "e");
        log = open_log("e", 8000, 0);
    }
    /* The clock goes back: commit times do not. */
    const int64_t max = fluss_log_max_time(log);
    fake.now_ms -= 5000;
    (void)append(log, -1, -1, 1, 10);
    assert_int_equal(fluss_log_max_time(log), max);
    fake.now_ms += 5000;
    /* Closed segments that are old enough go; the start moves. */
    slu_env_fake_advance(&fake, 1000);
    CHECK_OK(fluss_log_expire(log, 0, slu_wall_ms(&fake.env), 0, &err));
    assert_int_equal(fluss_log_start(log), 0); /* nothing below the lake's offset */
    CHECK_OK(fluss_log_expire(log, 0, slu_wall_ms(&fake.env), 150, &err));
    assert_in_range(fluss_log_start(log), 1, 150);
    const int64_t start = fluss_log_start(log);
    CHECK_OK(fluss_log_expire(log, 0, slu_wall_ms(&fake.env), INT64_MAX, &err));
    assert_true(fluss_log_start(log) > start);
    const int64_t kept = fluss_log_start(log);
    fluss_log_close(&log);
    log = open_log("e", 8000, 0);
    assert_int_equal(fluss_log_start(log), kept);
    (void)read_all(log, fluss_log_start(log), 1000);
    fluss_log_close(&log);
}

static void
bad_batches_are_refused_before_anything_is_written(void **state)
{
    (void)state;
    slu_error err;
    fluss_appended appended;
    fluss_log *log = open_log("f", 1 << 20, 0);
    slu_buf buf;
    slu_buf_init(&buf, 100000);
    CHECK_STATUS(fluss_log_append(log, slu_buf_view(&buf), &appended, &err), SLU_CORRUPT);
    batch_make(&buf, 1, 0, 3, 100);
    const size_t good = buf.bytes;
    batch_make(&buf, 1, 1, 3, 100);
    for (size_t at = good; at < buf.bytes; at++) {
        if (at < good + 8 || (at >= good + 13 && at < good + 21))
            continue; /* base offset and time are the server's to write */
        buf.data[at] ^= 0x40;
        assert_true(fluss_log_append(log, slu_buf_view(&buf), &appended, &err) < 0);
        buf.data[at] ^= 0x40;
    }
    for (size_t bytes = 1; bytes < good; bytes++) {
        uint8_t *copy = guarded_copy(buf.data, bytes);
        CHECK_STATUS(fluss_log_append(log, slu_view_of(copy, bytes), &appended, &err), SLU_CORRUPT);
        guarded_free(copy, bytes);
    }
    assert_int_equal(fluss_log_end(log), 0);
    CHECK_OK(fluss_log_append(log, slu_buf_view(&buf), &appended, &err));
    assert_int_equal(appended.next_offset, 6);
    slu_buf_fini(&buf);
    fluss_log_close(&log);
}

static void
writer_snapshots_survive_and_bad_ones_are_refused(void **state)
{
    (void)state;
    slu_error err;
    fluss_writers *a = NULL;
    fluss_writers *b = NULL;
    slu_buf json;
    slu_buf json_again;
    slu_buf_init(&json, 1 << 20);
    slu_buf_init(&json_again, 1 << 20);
    CHECK_OK(fluss_writers_new(&a, &err));
    CHECK_OK(fluss_writers_new(&b, &err));
    for (int64_t id = 0; id < 100; id++)
        for (int32_t s = 0; s < (int32_t)(id % 8) + 1; s++) {
            const fluss_writer_batch batch = {id * 1000003, id * 100 + s, 5000 + id, s, 3};
            CHECK_OK(fluss_writers_note(a, &batch, &err));
        }
    fluss_writers_encode(a, &json);
    CHECK_OK(fluss_writers_decode(b, slu_buf_view(&json), &err));
    fluss_writers_encode(b, &json_again);
    assert_int_equal(fluss_writers_count(b), 100);
    fluss_writer_batch stored;
    CHECK_STATUS(fluss_writers_check(b, 7 * 1000003, 3, "t", &stored, &err), SLU_CONFLICT);
    assert_int_equal(stored.base_offset, 703);
    CHECK_STATUS(fluss_writers_check(b, 7 * 1000003, 2, "t", &stored, &err), SLU_INVALID);
    CHECK_OK(fluss_writers_check(b, 7 * 1000003, 8, "t", &stored, &err));
    fluss_writers_expire(b, 5050);
    assert_int_equal(fluss_writers_count(b), 50);
    /* What Fluss writes (no earlier batches) is read. */
    CHECK_OK(fluss_writers_decode(
        b,
        slu_view_of_text("{\"version\":1,\"writer_id_entries\":[{\"writer_id\":1,\"last_batch_sequence\":2147483647,"
                         "\"last_batch_base_offset\":10,\"offset_delta\":0,\"last_batch_timestamp\":1}]}"),
        &err));
    CHECK_OK(fluss_writers_check(b, 1, 0, "t", &stored, &err)); /* 0 follows the largest */
    static const char large_sequence[] =
        "{\"version\":1,\"writer_id_entries\":[{\"writer_id\":1,\"last_batch_sequence\":2147483648,"
        "\"last_batch_base_offset\":1,\"offset_delta\":0,\"last_batch_timestamp\":1}]}";
    static const char *const bad[] = {"",
                                      "{}",
                                      "[]",
                                      "{\"version\":2,\"writer_id_entries\":[]}",
                                      "{\"version\":1,\"writer_id_entries\":7}",
                                      "{\"version\":1,\"writer_id_entries\":[{}]}",
                                      "{\"version\":1,\"writer_id_entries\":[{\"writer_id\":-1}]}",
                                      large_sequence};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_STATUS(fluss_writers_decode(b, slu_view_of_text(bad[i]), &err), SLU_CORRUPT);
        assert_int_equal(fluss_writers_count(b), 0);
    }
    slu_buf_fini(&json);
    slu_buf_fini(&json_again);
    fluss_writers_free(&a);
    fluss_writers_free(&b);
}

/* A batch that is stored and not remembered would be stored again when its client sends it again. */
static void
a_writer_without_room_is_refused_before_it_is_stored(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_appended appended;
    slu_buf batch;
    fluss_log *log = open_log("noroom", 1 << 20, 1 << 20);
    slu_buf_init(&batch, 10000);
    batch_make(&batch, 1, 0, 3, 100);
    (void)slu_alloc_fail_from(1);
    const slu_status status = fluss_log_append(log, slu_buf_view(&batch), &appended, &err);
    (void)slu_alloc_fail_from(0);
    assert_int_equal(status, SLU_NOMEM);
    assert_int_equal(fluss_log_end(log), 0);
    CHECK_OK(fluss_log_append(log, slu_buf_view(&batch), &appended, &err));
    assert_false(appended.duplicate);
    CHECK_OK(fluss_log_append(log, slu_buf_view(&batch), &appended, &err));
    assert_true(appended.duplicate);
    assert_int_equal(fluss_log_end(log), 3);
    slu_buf_fini(&batch);
    fluss_log_close(&log);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_get_offsets_and_are_read_back_from_any_offset),
        cmocka_unit_test(a_batch_sent_twice_is_stored_once_also_after_a_crash),
        cmocka_unit_test(a_torn_tail_is_cut_and_everything_before_it_stays),
        cmocka_unit_test(a_damaged_batch_in_the_middle_loses_only_itself),
        cmocka_unit_test(indexes_that_are_lost_or_lie_are_made_anew),
        cmocka_unit_test(a_snapshot_ahead_of_the_log_is_not_believed),
        cmocka_unit_test(offsets_by_time_are_the_first_batch_not_before),
        cmocka_unit_test(bad_batches_are_refused_before_anything_is_written),
        cmocka_unit_test(a_writer_without_room_is_refused_before_it_is_stored),
        cmocka_unit_test(writer_snapshots_survive_and_bad_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
