#include "demo.h"

#include "base/file.h"
#include "cli/catalog/catalog.h"
#include "client/client.h"
#include "demo_jobs.h"
#include "fluss/client/admin.h"
#include "fluss/client/target.h"
#include "sql/session.h"
#include "stack.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ACCOUNTS 4
#define BUCKETS 4
#define TICK_MS 100
#define MEMORY_EVERY_TICKS 3
#define OPEN_TIMEOUT_MS 20000
#define STALL_MS 60000 /* nothing moved for so long: something is wrong */
#define ROUND_ROWS 10
#define RESTARTS_MAX 5 /* of the fraud job: nothing kills it here */

#define BIGINT "{\"type\":\"BIGINT\"}"
#define TABLE_END ",\"bucket_count\":4,\"custom_properties\":{},\"partition_key\":[],\"version\":1"

static const char transaction_json[] =
    "{\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":" BIGINT
    "},{\"name\":\"accountId\",\"data_type\":" BIGINT "},{\"name\":\"createdAt\",\"data_type\":" BIGINT
    "},{\"name\":\"amount\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":10,\"scale\":2}}]},"
    "\"bucket_key\":[\"accountId\"],\"properties\":{}" TABLE_END "}";
static const char account_json[] =
    "{\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false}},"
    "{\"name\":\"name\",\"data_type\":{\"type\":\"STRING\"}},{\"name\":\"updatedAt\",\"data_type\":" BIGINT
    "}],\"primary_key\":[\"id\"]},"
    "\"bucket_key\":[\"id\"],\"properties\":{}" TABLE_END "}";
static const char fraud_json[] = "{\"schema\":{\"version\":1,\"columns\":[{\"name\":\"transactionId\",\"data_type\":" BIGINT
                                 "},{\"name\":\"accountId\",\"data_type\":" BIGINT
                                 "},{\"name\":\"name\",\"data_type\":{\"type\":\"STRING\"}}]},\"bucket_key\":[\"transactionId\"],"
                                 "\"properties\":{\"table.datalake.enabled\":\"true\",\"table.datalake.freshness\":\"2s\",\"table."
                                 "datalake.auto-compaction\":\"true\"}" TABLE_END "}";

static const char accounts_yaml[] = "job: accounts\n"
                                    "parallelism: 1\n"
                                    "params: { fluss.bootstrap.servers: \"127.0.0.1:9123\" }\n"
                                    "operators:\n"
                                    "  - id: generator\n"
                                    "    use: datagen\n"
                                    "    with: { kind: accounts, rows: %" PRId64 " }\n"
                                    "  - id: written\n"
                                    "    use: fluss_sink\n"
                                    "    from: generator\n"
                                    "    with: { table: fluss.account }\n";
static const char transactions_yaml[] = "job: transactions\n"
                                        "params: { fluss.bootstrap.servers: \"127.0.0.1:9123\" }\n"
                                        "operators:\n"
                                        "  - id: generator\n"
                                        "    use: datagen\n"
                                        "    with: { kind: transactions, rows: %" PRId64 " }\n"
                                        "  - id: written\n"
                                        "    use: fluss_sink\n"
                                        "    from: generator\n"
                                        "    with: { table: fluss.transaction }\n";

/* Rows in the tables and in the lake, as the live view shows them. */
typedef struct progress {
    int64_t transactions;
    int64_t frauds;
    int64_t tiered;
    int64_t judged; /* transactions that the fraud job has read */
} progress;

typedef struct demo {
    const slu_env *env;
    const cli_demo_options *options;
    cli_stack stack;
    cli_catalog *catalog;
    slu_client *jobs;
    fluss_target *transaction;
    fluss_target *fraud;
    int64_t started_ms;
    int64_t judged_ms; /* when the fraud job had read the last transaction; 0: not yet */
    int64_t peak_pss_bytes;
    uint32_t tick;
    bool terminal;
    progress now;
    int64_t moved_ms;
    int64_t printed_ms;
} demo;

/* ---- Looking ---- */

static slu_status
rows_in(demo *of, fluss_target *target, int64_t *out, slu_error *err)
{
    int64_t ends[BUCKETS];
    *out = 0;
    SLU_TRY(fluss_admin_list_offsets(cli_catalog_client(of->catalog), fluss_target_table(target)->table_id, -1,
                                     FLUSS_OFFSETS_LATEST, 0, fluss_target_leaders(target), BUCKETS, ends, err));
    for (int i = 0; i < BUCKETS; i++)
        *out += ends[i];
    return SLU_OK;
}

static slu_status
rows_in_lake(demo *of, int64_t *out, slu_error *err)
{
    int64_t snapshot;
    int64_t offsets[BUCKETS];
    const slu_status status =
        fluss_admin_lake_snapshot(cli_catalog_client(of->catalog), "fluss", "fraud", false, &snapshot, offsets, BUCKETS, err);
    *out = 0;
    if (status == SLU_NOTFOUND)
        return SLU_OK;
    for (int i = 0; status == SLU_OK && i < BUCKETS; i++)
        *out += offsets[i] < 0 ? 0 : offsets[i];
    return status;
}

/* Rows out of the source's vertex of the fraud job. */
static slu_status
rows_judged(demo *of, int64_t *out, slu_error *err)
{
    const slu_message *details = NULL;
    SLU_TRY(slu_client_describe(of->jobs, "fraud-detection", &details, err));
    if (strcmp(details->state, "FAILED") == 0 || details->restarts > RESTARTS_MAX)
        return slu_error_set(err, SLU_IO, "the fraud job is %s after %" PRIu64 " restarts: %s", details->state, details->restarts,
                             details->text);
    for (uint32_t i = 0; i < details->item_count; i++)
        if (strncmp(details->items[i].name, "transactions", 12) == 0)
            *out = (int64_t)details->items[i].rows_out;
    return SLU_OK;
}

static void
progress_print(demo *of, bool last)
{
    const double seconds = (double)(slu_now_ms(of->env) - of->started_ms) / 1000.0;
    const int64_t every_ms = of->terminal ? TICK_MS : 2000;
    if (of->options->quiet || (!last && slu_now_ms(of->env) - of->printed_ms < every_ms))
        return;
    of->printed_ms = slu_now_ms(of->env);
    (void)fprintf(
        stderr, "%s%6.1f s  %" PRId64 " transactions  %.0f rows/s  %" PRId64 " frauds  %" PRId64 " in the lake  %.0f MiB%s",
        of->terminal ? "\r\033[K" : "", seconds, of->now.transactions, seconds > 0 ? (double)of->now.judged / seconds : 0.0,
        of->now.frauds, of->now.tiered, (double)of->peak_pss_bytes / 1048576.0, of->terminal && !last ? "" : "\n");
    (void)fflush(stderr);
}

static slu_status
look(demo *of, slu_error *err)
{
    progress seen = of->now;
    SLU_TRY(cli_children_check(&of->stack.children, err));
    if (of->options->stop != NULL && of->options->stop())
        return slu_error_set(err, SLU_CLOSED, "interrupted");
    SLU_TRY_IN(rows_in(of, of->transaction, &seen.transactions, err), err, "counting transactions");
    SLU_TRY_IN(rows_in(of, of->fraud, &seen.frauds, err), err, "counting frauds");
    SLU_TRY_IN(rows_in_lake(of, &seen.tiered, err), err, "asking for the lake's offsets");
    SLU_TRY_IN(rows_judged(of, &seen.judged, err), err, "asking the job manager");
    if (memcmp(&seen, &of->now, sizeof seen) != 0)
        of->moved_ms = slu_now_ms(of->env);
    of->now = seen;
    if (of->tick++ % MEMORY_EVERY_TICKS == 0) {
        const int64_t bytes = cli_children_pss_bytes();
        if (bytes > of->peak_pss_bytes)
            of->peak_pss_bytes = bytes;
    }
    progress_print(of, false);
    if (slu_now_ms(of->env) - of->moved_ms > STALL_MS)
        return slu_error_set(err, SLU_TIMEOUT,
                             "nothing has moved for %d s: %" PRId64 " transactions, %" PRId64 " judged, %" PRId64
                             " frauds, %" PRId64 " in the lake (logs: %s)",
                             STALL_MS / 1000, seen.transactions, seen.judged, seen.frauds, seen.tiered, of->stack.children.log_dir);
    return SLU_OK;
}

static void
tick(void)
{
    const struct timespec time = {0, TICK_MS * 1000000L};
    (void)nanosleep(&time, NULL);
}

/* ---- The way of the demo ---- */

static slu_status
tables_make(demo *of, slu_error *err)
{
    fluss_client *client = cli_catalog_client(of->catalog);
    SLU_TRY(fluss_admin_create_database(client, "fluss", true, err));
    SLU_TRY(fluss_admin_create_table(client, "fluss", "transaction", slu_view_of_text(transaction_json), true, err));
    SLU_TRY(fluss_admin_create_table(client, "fluss", "account", slu_view_of_text(account_json), true, err));
    SLU_TRY(fluss_admin_create_table(client, "fluss", "fraud", slu_view_of_text(fraud_json), true, err));
    SLU_TRY(fluss_target_open(client, "fluss", "transaction", &of->transaction, err));
    SLU_TRY(fluss_target_wait(of->transaction, OPEN_TIMEOUT_MS, err));
    SLU_TRY(fluss_target_open(client, "fluss", "fraud", &of->fraud, err));
    return fluss_target_wait(of->fraud, OPEN_TIMEOUT_MS, err);
}

static slu_status
job_wait(demo *of, const char *job, slu_error *err)
{
    const slu_message *answer = NULL;
    const int64_t deadline_ms = slu_now_ms(of->env) + STALL_MS;
    do {
        SLU_TRY(cli_children_check(&of->stack.children, err)); /* a job waits for ever for a task manager that is gone */
        SLU_TRY(slu_client_wait(of->jobs, job, TICK_MS, &answer, err));
        if (of->options->stop != NULL && of->options->stop())
            return slu_error_set(err, SLU_CLOSED, "interrupted");
        if (slu_now_ms(of->env) > deadline_ms)
            return slu_error_set(err, SLU_TIMEOUT, "job %s is still %s after %d s", job, answer->state, STALL_MS / 1000);
    } while (!slu_job_state_over(answer->state));
    if (strcmp(answer->state, "FINISHED") != 0)
        return slu_error_set(err, SLU_IO, "job %s is %s: %s", job, answer->state, answer->text);
    return SLU_OK;
}

static slu_status
jobs_start(demo *of, slu_error *err)
{
    char yaml[2048];
    (void)snprintf(yaml, sizeof yaml, accounts_yaml, (int64_t)ACCOUNTS);
    SLU_TRY(cli_stack_submit(&of->stack, "accounts", yaml, 1, false, err));
    SLU_TRY(job_wait(of, "accounts", err));
    SLU_TRY(cli_stack_submit(&of->stack, "fraud_detection", cli_demo_fraud_detection_yaml, of->options->parallelism, false, err));
    SLU_TRY(cli_stack_submit(&of->stack, "tiering", cli_demo_tiering_yaml, 1, true, err));
    (void)snprintf(yaml, sizeof yaml, transactions_yaml, of->options->transactions);
    of->started_ms = of->moved_ms = slu_now_ms(of->env);
    return cli_stack_submit(&of->stack, "transactions", yaml, of->options->parallelism, false, err);
}

/* Until every transaction is written, judged, and every fraud that came of it is in the lake. */
static slu_status
work_wait(demo *of, slu_error *err)
{
    const slu_message *answer = NULL;
    for (;;) {
        SLU_TRY(look(of, err));
        if (of->now.judged >= of->options->transactions) {
            of->judged_ms = slu_now_ms(of->env);
            break;
        }
        tick();
    }
    SLU_TRY(job_wait(of, "transactions", err));
    SLU_TRY(slu_client_stop(of->jobs, "fraud-detection", 0, &answer, err));
    SLU_TRY(job_wait(of, "fraud-detection", err));
    for (;;) {
        SLU_TRY_IN(rows_in(of, of->fraud, &of->now.frauds, err), err, "counting frauds");
        SLU_TRY(look(of, err));
        if (of->now.tiered >= of->now.frauds)
            return SLU_OK;
        tick();
    }
}

static slu_status
result_read(demo *of, cli_demo_summary *out, slu_error *err)
{
    slu_sql_session *session = NULL;
    SLU_TRY(slu_sql_open(cli_catalog_sql(of->catalog), &session, err));
    slu_status status = slu_sql_number(session, "select count(distinct transactionId) from fraud$log", &out->frauds_stream, err);
    if (status == SLU_OK)
        status = slu_sql_number(session, "select count(*) from fraud$lake", &out->frauds_lake, err);
    if (status == SLU_OK)
        status = slu_sql_number(session, "select count(*) from fraud", &out->frauds_union, err);
    if (status == SLU_OK)
        status = slu_sql_number(session, "select count(*) from fraud where name = 'account' || accountId", &out->frauds_named, err);
    slu_sql_close(&session);
    return status;
}

static slu_status
demo_run(demo *of, cli_demo_summary *out, slu_error *err)
{
    SLU_TRY(cli_stack_start(&of->stack, err));
    const cli_catalog_options options = {.bootstrap_servers = of->stack.server, .lake = cli_lake_words_options(&of->stack.lake)};
    SLU_TRY(cli_catalog_open(of->env, &options, &of->catalog, err));
    SLU_TRY(slu_client_open(of->env, of->stack.jobmanager, SLU_CLIENT_TIMEOUT_MS_DEFAULT, &of->jobs, err));
    SLU_TRY(tables_make(of, err));
    SLU_TRY(jobs_start(of, err));
    SLU_TRY(work_wait(of, err));
    progress_print(of, true);
    out->seconds = (double)(slu_now_ms(of->env) - of->started_ms) / 1000.0;
    SLU_TRY(result_read(of, out, err));
    out->transactions = of->now.transactions;
    out->frauds_expected = of->options->transactions / ROUND_ROWS;
    out->rows_per_second =
        (double)of->options->transactions * 1000.0 / (double)(of->judged_ms > of->started_ms ? of->judged_ms - of->started_ms : 1);
    out->peak_pss_bytes = of->peak_pss_bytes;
    return SLU_OK;
}

static void
demo_end(demo *of)
{
    const slu_message *answer = NULL;
    if (of->jobs != NULL)
        (void)!slu_client_cancel(of->jobs, "tiering", &answer, NULL);
    fluss_target_close(&of->transaction);
    fluss_target_close(&of->fraud);
    slu_client_close(&of->jobs);
    cli_catalog_close(&of->catalog);
    cli_children_end(&of->stack.children);
    cli_lake_words_fini(&of->stack.lake);
}

static slu_status
folder_make(demo *of, slu_error *err)
{
    if (of->options->keep_dir != NULL) {
        SLU_TRY(slu_dir_make(of->options->keep_dir, err));
        char *whole = realpath(of->options->keep_dir, NULL);
        const size_t bytes = whole == NULL ? sizeof of->stack.dir : strlen(whole);
        if (bytes < sizeof of->stack.dir)
            (void)snprintf(of->stack.dir, sizeof of->stack.dir, "%s", whole);
        free(whole);
        if (bytes >= sizeof of->stack.dir)
            return slu_error_set(err, SLU_LIMIT, "the path of %s is too long", of->options->keep_dir);
        char data[STACK_PATH_BYTES];
        (void)snprintf(data, sizeof data, "%s/server", of->stack.dir);
        if (slu_path_exists(data))
            return slu_error_set(err, SLU_CONFLICT, "%s holds an earlier demo: remove it or name another folder", of->stack.dir);
        return SLU_OK;
    }
    const char *base = getenv("TMPDIR");
    (void)snprintf(of->stack.dir, sizeof of->stack.dir, "%s/sluice-demo-XXXXXX", base == NULL || *base == 0 ? "/tmp" : base);
    return mkdtemp(of->stack.dir) == NULL ? slu_error_set(err, SLU_IO, "no temporary folder %s", of->stack.dir) : SLU_OK;
}

slu_status
cli_demo_run(const slu_env *env, const cli_demo_options *options, cli_demo_summary *out, slu_error *err)
{
    static demo of; /* large, and one at a time */
    memset(&of, 0, sizeof of);
    memset(out, 0, sizeof *out);
    of.env = env;
    of.options = options;
    of.stack.options = options;
    of.terminal = isatty(STDERR_FILENO) == 1;
    SLU_TRY(folder_make(&of, err));
    const slu_status status = demo_run(&of, out, err);
    if (status != SLU_OK && of.started_ms != 0 && of.terminal && !options->quiet)
        (void)fputc('\n', stderr);
    demo_end(&of);
    if (options->keep_dir == NULL && (status == SLU_OK || status == SLU_CLOSED))
        (void)!slu_dir_remove(of.stack.dir, NULL);
    else if (options->keep_dir != NULL && status != SLU_OK)
        (void)fprintf(stderr, "sluice demo: what it made so far is in %s/server, %s/warehouse and %s/log\n", of.stack.dir,
                      of.stack.dir, of.stack.dir);
    else if (options->keep_dir == NULL)
        (void)fprintf(stderr, "sluice demo: what the processes said is in %s/log\n", of.stack.dir);
    return status;
}

bool
cli_demo_right(const cli_demo_summary *summary)
{
    return summary->frauds_stream == summary->frauds_expected && summary->frauds_lake == summary->frauds_expected &&
           summary->frauds_union == summary->frauds_expected && summary->frauds_named == summary->frauds_expected;
}
