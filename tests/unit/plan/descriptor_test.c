/* Descriptors, right and wrong. wrong/NAME.yaml must give exactly the report in wrong/NAME.txt; SLUICE_TEST_WRITE=1 writes the reports, to be
 * read by a person before they are committed. */
#include "support/check.h"

#include "base/alloc.h"
#include "base/env.h"
#include "base/file.h"
#include "fake_plugins.h"
#include "plan/descriptor.h"
#include "plan/layout.h"
#include "plan/planner.h"

#include <dirent.h>

static slu_registry *
registry_of_fakes(void)
{
    slu_error err;
    slu_registry *registry = NULL;
    CHECK_OK(slu_registry_new(&registry, &err));
    CHECK_OK(slu_registry_add_module(registry, &fake_module, &err));
    return registry;
}

static slu_status
plan(const slu_descriptor *descriptor, slu_graph **out, slu_error *err)
{
    SLU_AUTO(slu_registry_free) slu_registry *registry = registry_of_fakes();
    slu_env_fake fake;
    slu_env_init_fake(&fake, 1);
    const slu_planner planner = {.registry = registry, .env = &fake.env, .environment = descriptor->environment};
    slu_status status = slu_descriptor_read(descriptor, out, err);
    if (status == SLU_OK) {
        status = slu_plan_graph(*out, &planner, err);
        if (status != SLU_OK)
            slu_graph_free(out);
    }
    return status;
}

/* ---- Wrong ones ---------------------------------------------------------------------------------------------------------------- */

static bool
wrong_one(const char *dir, const char *name)
{
    slu_error err;
    slu_graph *graph = NULL;
    slu_buf text, report, wanted;
    char yaml[512], txt[512], shown[300];
    (void)snprintf(yaml, sizeof yaml, "%s/%s.yaml", dir, name);
    (void)snprintf(txt, sizeof txt, "%s/%s.txt", dir, name);
    (void)snprintf(shown, sizeof shown, "%s.yaml", name);
    slu_buf_init(&text, 1 << 20);
    slu_buf_init(&report, 1 << 20);
    slu_buf_init(&wanted, 1 << 20);
    CHECK_OK(slu_file_read(yaml, 1 << 20, &text, &err));
    const slu_descriptor descriptor = {.path = shown, .text = slu_buf_view(&text)};
    if (plan(&descriptor, &graph, &err) == SLU_OK) {
        slu_buf_text(&report, "no error\n");
        slu_graph_free(&graph);
    } else
        slu_descriptor_report(shown, descriptor.text, &err, &report);
    if (getenv("SLUICE_TEST_WRITE") != NULL)
        CHECK_OK(slu_file_write(txt, slu_buf_view(&report), false, &err));
    CHECK_OK(slu_file_read(txt, 1 << 20, &wanted, &err));
    const bool same = slu_view_equal(slu_buf_view(&report), slu_buf_view(&wanted));
    if (!same)
        print_error("%s: got\n%swanted\n%s", name, slu_buf_cstr(&report), slu_buf_cstr(&wanted));
    slu_buf_fini(&text);
    slu_buf_fini(&report);
    slu_buf_fini(&wanted);
    return same;
}

static void
wrong_descriptors_give_their_reports(void **state)
{
    (void)state;
    const char *path = SLUICE_TEST_DATA "/unit/plan/wrong";
    int seen = 0, failed = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char name[256];
        (void)snprintf(name, sizeof name, "%s", entry->d_name);
        char *dot = strstr(name, ".yaml");
        if (dot == NULL)
            continue;
        *dot = 0;
        seen++;
        failed += !wrong_one(path, name);
    }
    (void)closedir(dir);
    assert_true(seen >= 20);
    assert_int_equal(failed, 0);
}

/* ---- Right ones ---------------------------------------------------------------------------------------------------------------- */

static const char good[] = "job: fraud\n"
                           "parallelism: 2\n"
                           "checkpoint: { interval: 10s, timeout: 1m }\n"
                           "params:\n"
                           "  fluss.bootstrap.servers: 127.0.0.1:9123\n"
                           "  datalake.format:\n"
                           "  datalake.iceberg.*:\n"
                           "operators:\n"
                           "  - { id: o, use: out, from: named }\n"
                           "  - { id: in, use: rows, parallelism: 1, with: { table: t, splits: 3, follow: no } }\n"
                           "  - { id: named, use: join, from: rule, with: { column: accountId, lookup: { use: names } } }\n"
                           "  - id: rule\n"
                           "    use: rule\n"
                           "    from: in\n"
                           "    partition: { hash: accountId }\n"
                           "    with: { column: amount }\n";

static slu_descriptor
good_descriptor(const slu_setting *settings, uint32_t count, char *const *environment)
{
    const slu_descriptor descriptor = {.path = "good.yaml",
                                       .text = slu_view_of_text(good),
                                       .settings = settings,
                                       .setting_count = count,
                                       .environment = environment};
    return descriptor;
}

static void
a_good_one_is_planned(void **state)
{
    (void)state;
    slu_error err;
    slu_graph *graph = NULL;
    static const slu_setting settings[] = {{"names.table", "fluss.account"}};
    const slu_descriptor descriptor = good_descriptor(settings, 1, NULL);
    CHECK_OK(plan(&descriptor, &graph, &err));
    assert_int_equal(graph->operator_count, 4);
    CHECK_TEXT(graph->operators[0].id, "in");
    CHECK_TEXT(graph->operators[3].id, "o");
    assert_int_equal(graph->operators[0].parallelism, 1);
    assert_int_equal(graph->operators[0].split_count, 3);
    assert_int_equal(graph->operators[0].bounded, 1);
    assert_int_equal(graph->operators[1].inputs[0].partition, SLU_PARTITION_HASH);
    assert_int_equal(graph->operators[2].inputs[0].partition, SLU_PARTITION_FORWARD);
    assert_int_equal(graph->operators[3].inputs[0].partition, SLU_PARTITION_BUCKET);
    assert_int_equal(graph->operators[2].outputs[0]->n_children, 6);
    CHECK_TEXT(graph->operators[2].module, "fake");
    assert_int_equal(graph->checkpoint.interval_ms, 10000);
    assert_int_equal(graph->checkpoint.timeout_ms, 60000);
    assert_int_equal(graph->restart.strategy, SLU_RESTART_EXPONENTIAL);
    assert_int_equal(graph->restart.reset_ms, 3600000);
    assert_int_equal(graph->restart.same_max, 8);
    assert_int_equal(graph->max_parallelism, 128);
    slu_graph_free(&graph);
}

static const char *
setting_of(slu_params params, const char *name, uint32_t *origin)
{
    for (uint32_t i = 0; i < params.count; i++)
        if (strcmp(params.items[i].name, name) == 0) {
            *origin = params.items[i].origin;
            return params.items[i].text;
        }
    return NULL;
}

/* As it is, and as a worker reads it. */
static void
check_state_settings(const slu_graph *graph)
{
    slu_error err;
    slu_buf bytes;
    slu_graph *copy = NULL;
    slu_buf_init(&bytes, 1 << 20);
    CHECK_OK(slu_graph_encode(graph, &bytes, &err));
    CHECK_OK(slu_graph_decode(slu_buf_view(&bytes), &copy, &err));
    const slu_graph *const each[] = {graph, copy};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(each[i]->state.backend, SLU_STATE_ROCKSDB);
        assert_int_equal(each[i]->state.incremental, 0);
        assert_int_equal(each[i]->state.memory_bytes, 64 << 20);
        CHECK_TEXT(each[i]->state.local_dir, "");
    }
    slu_graph_free(&copy);
    slu_buf_fini(&bytes);
}

static void
command_line_over_environment_over_file(void **state)
{
    (void)state;
    slu_error err;
    slu_graph *graph = NULL;
    uint32_t origin;
    static const slu_setting settings[] = {{"parallelism", "4"},
                                           {"datalake.format", "iceberg"},
                                           {"datalake.iceberg.s3.endpoint", "http://minio:9000"},
                                           {"checkpoint.interval", "1s"}};
    static char *environment[] = {(char *)(uintptr_t) "SLUICE_FLUSS_BOOTSTRAP_SERVERS=h:1",
                                  (char *)(uintptr_t) "SLUICE_NAMES_TABLE=x.y",
                                  (char *)(uintptr_t) "SLUICE_PARALLELISM=3",
                                  (char *)(uintptr_t) "SLUICE_RESTART_DELAY=2s",
                                  (char *)(uintptr_t) "SLUICE_RESTART_STRATEGY=failure-rate",
                                  (char *)(uintptr_t) "SLUICE_STATE_BACKEND_TYPE=rocksdb",
                                  (char *)(uintptr_t) "SLUICE_STATE_BACKEND_INCREMENTAL=false",
                                  NULL};
    const slu_descriptor descriptor = good_descriptor(settings, 4, environment);
    CHECK_OK(plan(&descriptor, &graph, &err));
    assert_int_equal(graph->operators[1].parallelism, 4);
    assert_int_equal(graph->operators[1].parallelism_origin, SLU_ORIGIN_COMMAND_LINE);
    assert_int_equal(graph->operators[0].parallelism, 1);
    assert_int_equal(graph->operators[0].parallelism_origin, SLU_ORIGIN_FILE);
    assert_int_equal(graph->checkpoint.interval_ms, 1000);
    assert_int_equal(graph->restart.delay_ms, 2000);
    assert_int_equal(graph->restart.strategy, SLU_RESTART_RATE);
    assert_int_equal(graph->restart.interval_ms, 60000);
    check_state_settings(graph);
    CHECK_TEXT(setting_of(graph->params, "fluss.bootstrap.servers", &origin), "h:1");
    assert_int_equal(origin, SLU_ORIGIN_ENVIRONMENT);
    CHECK_TEXT(setting_of(graph->params, "names.table", &origin), "x.y");
    CHECK_TEXT(setting_of(graph->params, "datalake.iceberg.s3.endpoint", &origin),
               "http://minio:9000");                                    /* the source's map asks for it */
    assert_null(setting_of(graph->params, "datalake.format", &origin)); /* nobody asks: it does not travel */
    CHECK_TEXT(setting_of(graph->settings, "datalake.format", &origin), "iceberg");
    CHECK_TEXT(setting_of(graph->settings, "checkpoint.timeout", &origin), "1m");
    assert_int_equal(origin, SLU_ORIGIN_FILE);
    slu_graph_free(&graph);
}

static void
a_settings_file_lies_between_environment_and_descriptor(void **state)
{
    (void)state;
    slu_error err;
    slu_graph *graph = NULL;
    uint32_t origin;
    static const slu_setting settings[] = {{"names.table", "x.y"}};
    static const slu_setting filed[] = {
        {"parallelism", "7"}, {"names.table", "z"}, {"checkpoint.interval", "4s"}, {"fluss.bootstrap.servers", "f:1"}};
    static char *environment[] = {(char *)(uintptr_t) "SLUICE_CHECKPOINT_INTERVAL=3s", NULL};
    slu_descriptor descriptor = good_descriptor(settings, 1, environment);
    descriptor.file_settings = filed;
    descriptor.file_setting_count = 4;
    CHECK_OK(plan(&descriptor, &graph, &err));
    assert_int_equal(graph->parallelism, 7);
    assert_int_equal(graph->operators[1].parallelism_origin, SLU_ORIGIN_SETTINGS_FILE);
    assert_int_equal(graph->checkpoint.interval_ms, 3000);
    CHECK_TEXT(setting_of(graph->params, "names.table", &origin), "x.y");
    CHECK_TEXT(setting_of(graph->params, "fluss.bootstrap.servers", &origin), "f:1");
    assert_int_equal(origin, SLU_ORIGIN_SETTINGS_FILE);
    slu_graph_free(&graph);
}

static void
an_option_that_nobody_knows_is_refused(void **state)
{
    (void)state;
    slu_error err;
    slu_graph *graph = NULL;
    const slu_setting settings[] = {{"names.table", "x"}, {"fluss.bootstrap.server", "h:1"}};
    const slu_descriptor descriptor = good_descriptor(settings, 2, NULL);
    CHECK_STATUS(plan(&descriptor, &graph, &err), SLU_INVALID);
    CHECK_TEXT(err.message, "unknown option --fluss.bootstrap.server: did you mean --fluss.bootstrap.servers?");
    const slu_setting lake[] = {{"names.table", "x"}, {"datalake.iceberg.", "h:1"}};
    const slu_descriptor other = good_descriptor(lake, 2, NULL);
    CHECK_STATUS(plan(&other, &graph, &err), SLU_INVALID);
    const slu_setting bad[] = {{"names.table", "x"}, {"checkpoint.interval", "10"}};
    const slu_descriptor unit = good_descriptor(bad, 2, NULL);
    CHECK_STATUS(plan(&unit, &graph, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "option interval (parameter checkpoint.interval, command line): \"10\" has no unit");
}

static void
a_megabyte_of_open_brackets_is_refused_at_once(void **state)
{
    (void)state;
    static char text[1000000];
    slu_error err;
    slu_graph *graph = NULL;
    memset(text, '[', sizeof text);
    slu_descriptor descriptor = good_descriptor(NULL, 0, NULL);
    descriptor.text = slu_view_of(text, sizeof text);
    CHECK_STATUS(plan(&descriptor, &graph, &err), SLU_LIMIT);
    CHECK_MESSAGE(err, "more than 4096 brackets are open");
}

static void
a_lookup_wants_its_options_too(void **state)
{
    (void)state;
    slu_error err;
    slu_graph *graph = NULL;
    const slu_descriptor descriptor = good_descriptor(NULL, 0, NULL);
    CHECK_STATUS(plan(&descriptor, &graph, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "operator named: option table: is required (the table to look in)");
    assert_int_equal(err.line, 11);
}

/* Every allocation of reading, planning, encoding, decoding and laying out fails once: NOMEM each time, nothing leaked (ASan), nothing half. */
static slu_status
whole_way(slu_registry *registry, slu_error *err)
{
    static const slu_setting settings[] = {{"names.table", "fluss.account"}};
    const slu_descriptor descriptor = good_descriptor(settings, 1, NULL);
    SLU_AUTO(slu_graph_free) slu_graph *graph = NULL;
    SLU_AUTO(slu_graph_free) slu_graph *again = NULL;
    SLU_AUTO(slu_layout_free) slu_layout *layout = NULL;
    SLU_AUTO(slu_buf_fini) slu_buf bytes = {0};
    slu_env_fake fake;
    slu_env_init_fake(&fake, 1);
    const slu_planner planner = {.registry = registry, .env = &fake.env};
    slu_buf_init(&bytes, 1 << 20);
    SLU_TRY(slu_descriptor_read(&descriptor, &graph, err));
    SLU_TRY(slu_plan_graph(graph, &planner, err));
    SLU_TRY(slu_graph_encode(graph, &bytes, err));
    SLU_TRY(slu_graph_decode(slu_buf_view(&bytes), &again, err));
    return slu_layout_new(again, &layout, err);
}

static void
every_failed_allocation_is_survived(void **state)
{
    (void)state;
    slu_error err;
    SLU_AUTO(slu_registry_free) slu_registry *registry = registry_of_fakes();
    uint64_t nth = 1;
    for (;; nth++) {
        (void)slu_alloc_fail_from(nth);
        const slu_status status = whole_way(registry, &err);
        (void)slu_alloc_fail_from(0);
        if (status == SLU_OK)
            break;
        if (status != SLU_NOMEM)
            fail_msg("allocation %d: %s: %s", (int)nth, slu_status_name(status), err.message);
        assert_true(nth < 10000);
    }
    assert_true(nth > 10);
}

static void
aliases_cannot_explode(void **state)
{
    (void)state;
    slu_error err;
    slu_graph *graph = NULL;
    slu_buf text;
    slu_buf_init(&text, 1 << 20);
    slu_buf_text(&text, "job: a\nx0: &x0 [1,2,3,4,5,6,7,8,9]\n");
    for (int i = 1; i < 12; i++)
        slu_buf_printf(&text, "x%d: &x%d [*x%d,*x%d,*x%d,*x%d,*x%d,*x%d,*x%d,*x%d]\n", i, i, i - 1, i - 1, i - 1, i - 1, i - 1,
                       i - 1, i - 1, i - 1);
    const slu_descriptor descriptor = {.path = "bomb.yaml", .text = slu_buf_view(&text)};
    CHECK_STATUS(slu_descriptor_read(&descriptor, &graph, &err), SLU_LIMIT);
    slu_buf_fini(&text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_descriptors_give_their_reports),
        cmocka_unit_test(a_good_one_is_planned),
        cmocka_unit_test(command_line_over_environment_over_file),
        cmocka_unit_test(an_option_that_nobody_knows_is_refused),
        cmocka_unit_test(a_settings_file_lies_between_environment_and_descriptor),
        cmocka_unit_test(a_megabyte_of_open_brackets_is_refused_at_once),
        cmocka_unit_test(a_lookup_wants_its_options_too),
        cmocka_unit_test(aliases_cannot_explode),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("plan.descriptor", tests, NULL, NULL);
}
