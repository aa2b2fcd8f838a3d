/* The job store: what was written is there after it was closed, a second owner is refused, history ends. */
#include "support/check.h"

#include "base/file.h"
#include "jobmanager/jobstore.h"

#include <stdlib.h>
#include <sys/stat.h>

static slu_error err;

typedef struct found {
    uint32_t count;
    int64_t newest, oldest;
    char state[32];
    char failure[64];
    uint64_t attempt_id;
    size_t placed_bytes;
    bool dropped;
} found;

static slu_status
take_job(void *context, const slu_job_record *job, slu_error *error)
{
    found *f = context;
    f->count++;
    f->attempt_id = job->attempt_id;
    f->placed_bytes = job->placed.bytes;
    (void)snprintf(f->state, sizeof f->state, "%s", job->state);
    (void)snprintf(f->failure, sizeof f->failure, "%s", job->failure);
    assert_true(slu_view_is(job->submit, "submit"));
    return SLU_OK;
}

static slu_status
take_checkpoint(void *context, const slu_checkpoint_record *checkpoint, slu_error *error)
{
    found *f = context;
    if (f->count++ == 0) {
        f->newest = checkpoint->checkpoint;
        f->dropped = checkpoint->dropped;
    }
    f->oldest = checkpoint->checkpoint;
    return SLU_OK;
}

static void
a_job_survives(void **state)
{
    char dir[] = "/tmp/slu-jobstore-XXXXXX";
    char path[64];
    slu_jobstore *store = NULL;
    slu_jobstore *second = NULL;
    found f = {0};
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/jobs.sqlite", dir);
    slu_job_record job = {.id = "j", .name = "name", .state = "CREATED", .failure = "", .submit = slu_view_of_text("submit")};
    CHECK_OK(slu_jobstore_open(path, &store, &err));
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600); /* settings of jobs are in it, secrets too */
    char cluster[40];
    (void)snprintf(cluster, sizeof cluster, "%s", slu_jobstore_cluster(store));
    CHECK_OK(slu_jobstore_add_job(store, &job, &err));
    CHECK_STATUS(slu_jobstore_add_job(store, &job, &err), SLU_CONFLICT);
    job.state = "RUNNING";
    job.failure = "it's \"quoted\"";
    job.attempt_id = UINT64_MAX - 1;
    job.placed = slu_view_of("\0placed", 7);
    CHECK_OK(slu_jobstore_update_job(store, &job, &err));
    CHECK_OK(slu_jobstore_add_attempt(store, "j", 1, UINT64_MAX, 5, &err));
    CHECK_STATUS(slu_jobstore_add_attempt(store, "j", 1, 7, 5, &err), SLU_CONFLICT);
    CHECK_STATUS(slu_jobstore_open(path, &second, &err), SLU_CONFLICT);
    slu_jobstore_close(&store);
    CHECK_OK(slu_jobstore_open(path, &store, &err));
    CHECK_TEXT(slu_jobstore_cluster(store), cluster);
    CHECK_OK(slu_jobstore_jobs(store, take_job, &f, &err));
    assert_int_equal(f.count, 1);
    CHECK_TEXT(f.state, "RUNNING");
    CHECK_TEXT(f.failure, "it's \"quoted\"");
    assert_true(f.attempt_id == UINT64_MAX - 1);
    assert_int_equal(f.placed_bytes, 7);
    CHECK_OK(slu_jobstore_remove_job(store, "j", &err));
    f.count = 0;
    CHECK_OK(slu_jobstore_jobs(store, take_job, &f, &err));
    assert_int_equal(f.count, 0);
    slu_jobstore_close(&store);
    CHECK_OK(slu_file_write(path, slu_view_of_text("this is no database, whatever it is called"), false, &err));
    CHECK_STATUS(slu_jobstore_open(path, &store, &err), SLU_IO);
    CHECK_OK(slu_dir_remove(dir, &err));
}

static void
history_ends(void **state)
{
    slu_jobstore *store = NULL;
    found f = {0};
    CHECK_OK(slu_jobstore_open(":memory:", &store, &err));
    for (int64_t i = 0; i < SLU_JOBSTORE_HISTORY + 50; i++) {
        const slu_checkpoint_record record = {.checkpoint = i, .state = "COMPLETED", .path = "p", .text = ""};
        CHECK_OK(slu_jobstore_put_checkpoint(store, "j", &record, &err));
        CHECK_OK(slu_jobstore_put_checkpoint(store, "j", &record, &err)); /* the same again replaces it */
    }
    CHECK_OK(slu_jobstore_drop_checkpoint(store, "j", SLU_JOBSTORE_HISTORY + 49, &err));
    CHECK_OK(slu_jobstore_checkpoints(store, "j", 10000, take_checkpoint, &f, &err));
    assert_int_equal(f.count, SLU_JOBSTORE_HISTORY);
    assert_int_equal(f.newest, SLU_JOBSTORE_HISTORY + 49);
    assert_true(f.dropped);
    assert_int_equal(f.oldest, 50);
    slu_jobstore_close(&store);
}

static slu_status
take_going(void *context, const slu_job_record *job, slu_error *error)
{
    int *seen = context;
    assert_int_equal(job->stopping, SLU_JOB_STOPPING | SLU_JOB_DRAINING);
    assert_int_equal(job->stop_after, 7);
    assert_true(slu_view_is(job->restart, "counted"));
    ++*seen;
    return SLU_OK;
}

/* Newest first: 3 waits, 2 is in force. */
static slu_status
take_rules(void *context, const slu_rules_record *rules, slu_error *error)
{
    int *seen = context;
    assert_int_equal(rules->version, 3 - *seen);
    assert_int_equal(rules->checkpoint, *seen == 0 ? -1 : 5);
    CHECK_TEXT(rules->operator_id, "frauds");
    assert_true(slu_view_is(rules->rules, *seen == 0 ? "third" : "second"));
    ++*seen;
    return SLU_OK;
}

static slu_status
take_forgotten(void *context, const slu_checkpoint_record *checkpoint, slu_error *error)
{
    int *seen = context;
    assert_int_equal(checkpoint->forgotten, checkpoint->checkpoint == 8);
    assert_int_equal(checkpoint->dropped, checkpoint->checkpoint != 6);
    ++*seen;
    return SLU_OK;
}

/* A stop, a drain, rules, the end: what the next job manager has to know of them. */
static void
what_was_asked_for_survives(void **state)
{
    char dir[] = "/tmp/slu-jobstore-XXXXXX";
    char path[64];
    slu_jobstore *store = NULL;
    int seen = 0;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/jobs.sqlite", dir);
    slu_job_record job = {.id = "j", .name = "name", .state = "CREATED", .failure = "", .submit = slu_view_of_text("submit")};
    CHECK_OK(slu_jobstore_open(path, &store, &err));
    CHECK_OK(slu_jobstore_add_job(store, &job, &err));
    job.stopping = SLU_JOB_STOPPING | SLU_JOB_DRAINING;
    job.stop_after = 7;
    job.restart = slu_view_of_text("counted");
    CHECK_OK(slu_jobstore_update_job(store, &job, &err));
    for (int64_t i = 6; i <= 8; i++)
        CHECK_OK(slu_jobstore_put_checkpoint(
            store, "j", &(slu_checkpoint_record){.checkpoint = i, .state = "COMPLETED", .path = "p", .text = ""}, &err));
    CHECK_OK(slu_jobstore_drop_checkpoint(store, "j", 7, &err));
    slu_rules_record rules = {.operator_id = "frauds", .version = 2, .checkpoint = -1, .rules = slu_view_of_text("second")};
    CHECK_OK(slu_jobstore_put_rules(store, "j", &rules, &err));
    rules.checkpoint = 5; /* the same one, in force by now */
    CHECK_OK(slu_jobstore_put_rules(store, "j", &rules, &err));
    rules = (slu_rules_record){.operator_id = "frauds", .version = 3, .checkpoint = -1, .rules = slu_view_of_text("third")};
    CHECK_OK(slu_jobstore_put_rules(store, "j", &rules, &err));
    rules.version = 4;
    CHECK_OK(slu_jobstore_put_rules(store, "j", &rules, &err));
    CHECK_OK(slu_jobstore_remove_rules(store, "j", 4, &err));
    CHECK_OK(slu_jobstore_set_draining(store, "first", true, &err));
    CHECK_OK(slu_jobstore_set_draining(store, "second", true, &err));
    CHECK_OK(slu_jobstore_set_draining(store, "second", false, &err));
    CHECK_OK(slu_jobstore_forget_checkpoints(store, "j", 8, &err));
    CHECK_STATUS(slu_jobstore_forget_checkpoints(store, "j", 9, &err), SLU_NOTFOUND);
    slu_jobstore_close(&store);
    CHECK_OK(slu_jobstore_open(path, &store, &err));
    CHECK_OK(slu_jobstore_jobs(store, take_going, &seen, &err));
    assert_int_equal(seen, 1);
    seen = 0;
    CHECK_OK(slu_jobstore_checkpoints(store, "j", 10, take_forgotten, &seen, &err));
    assert_int_equal(seen, 3);
    seen = 0;
    CHECK_OK(slu_jobstore_rules(store, "j", take_rules, &seen, &err));
    assert_int_equal(seen, 2);
    assert_true(slu_jobstore_is_draining(store, "first"));
    assert_false(slu_jobstore_is_draining(store, "second"));
    CHECK_OK(slu_jobstore_remove_job(store, "j", &err));
    seen = 0;
    CHECK_OK(slu_jobstore_rules(store, "j", take_rules, &seen, &err));
    assert_int_equal(seen, 0);
    slu_jobstore_close(&store);
    CHECK_OK(slu_dir_remove(dir, &err));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_survives),
        cmocka_unit_test(what_was_asked_for_survives),
        cmocka_unit_test(history_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
