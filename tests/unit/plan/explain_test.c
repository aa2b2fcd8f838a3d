/* explain: what it says, in words of at most 80 columns and as JSON, and what it must not say. */
#include "support/check.h"

#include "base/env.h"
#include "fake_plugins.h"
#include "plan/descriptor.h"
#include "plan/explain.h"
#include "plan/planner.h"

#include <jansson.h>

static const char text[] = "job: fraud\n"
                           "parallelism: 4\n"
                           "params:\n"
                           "  out.password: geheim\n"
                           "  lake.secret-key: geheim\n"
                           "operators:\n"
                           "  - { id: in, use: rows, with: { table: t, splits: 2 } }\n"
                           "  - { id: rule, use: rule, from: in, partition: { hash: [accountId] }, with: { column: amount } }\n"
                           "  - id: named\n"
                           "    use: join\n"
                           "    from: rule\n"
                           "    with: { column: accountId, lookup: { use: names, table: x } }\n"
                           "  - { id: o, use: out, from: named }\n";

typedef struct planned {
    slu_registry *registry;
    slu_graph *graph;
    slu_layout *layout;
    slu_buf out;
} planned;

static planned
planned_open(void)
{
    slu_error err;
    slu_env_fake fake;
    planned p = {0};
    slu_env_init_fake(&fake, 1);
    CHECK_OK(slu_registry_new(&p.registry, &err));
    CHECK_OK(slu_registry_add_module(p.registry, &fake_module, &err));
    const slu_planner planner = {.registry = p.registry, .env = &fake.env};
    const slu_setting settings[] = {{"checkpoint.min-pause", "2s"}, {"state.backend.type", "rocksdb"}};
    const slu_descriptor descriptor = {.path = "x.yaml", .text = slu_view_of_text(text), .settings = settings, .setting_count = 2};
    CHECK_OK(slu_descriptor_read(&descriptor, &p.graph, &err));
    CHECK_OK(slu_plan_graph(p.graph, &planner, &err));
    CHECK_OK(slu_layout_new(p.graph, &p.layout, &err));
    slu_buf_init(&p.out, 1 << 20);
    return p;
}

static void
planned_close(planned *p)
{
    slu_buf_fini(&p->out);
    slu_layout_free(&p->layout);
    slu_graph_free(&p->graph);
    slu_registry_free(&p->registry);
}

static void
says(const planned *p, const char *words)
{
    slu_buf copy = p->out;
    if (strstr(slu_buf_cstr(&copy), words) == NULL)
        fail_msg("\"%s\" is not said in\n%s", words, slu_buf_cstr(&copy));
}

static void
words_say_what_and_why(void **state)
{
    (void)state;
    slu_error err;
    planned p = planned_open();
    CHECK_OK(slu_explain_text(p.layout, p.registry, &p.out, &err));
    slu_buf_u8(&p.out, 0);
    says(&p, "job fraud: 4 operators, 3 chains, 12 tasks, 32 channels");
    says(&p, "1 rule -> named (4 tasks)");
    says(&p, "0 => 1  hash, 16 channels");
    says(&p, "takes from in, hash by accountId: rows of one key must meet in one task");
    says(&p, "takes from named, bucket: each bucket of the table gets one writer");
    says(&p, "amount DECIMAL(10,2),\n    channel STRING, place ROW");
    says(&p, "checkpoint.min-pause           2s                                 command line");
    says(&p, "state.backend.type             rocksdb                            command line");
    says(&p, "parallelism                    4                                  file");
    says(&p, "promises\n  o: exactly once, as far as a fake can");
    says(&p, "in: has 2 splits for 4 tasks: 2 of them have nothing to do");
    says(&p, "named: may give other rows when it is replayed");
    says(&p, "no checkpoints: after a failure the job starts again from the beginning.");
    planned_close(&p);
}

static void
no_secret_is_said(void **state)
{
    (void)state;
    slu_error err;
    planned p = planned_open();
    CHECK_OK(slu_explain_text(p.layout, p.registry, &p.out, &err));
    CHECK_OK(slu_explain_json(p.layout, p.registry, &p.out, &err));
    slu_buf_u8(&p.out, 0);
    assert_null(strstr((const char *)p.out.data, "geheim"));
    says(&p, "***");
    planned_close(&p);
}

static void
no_line_is_wider_than_80_columns(void **state)
{
    (void)state;
    slu_error err;
    planned p = planned_open();
    CHECK_OK(slu_explain_text(p.layout, p.registry, &p.out, &err));
    size_t columns = 0;
    for (size_t i = 0; i < p.out.bytes; i++) {
        columns = p.out.data[i] == '\n' ? 0 : columns + 1;
        if (columns > 80)
            fail_msg("a line of more than 80 columns before byte %zu:\n%s", i, slu_buf_cstr(&p.out));
    }
    planned_close(&p);
}

static void
json_holds_the_same(void **state)
{
    (void)state;
    slu_error err;
    planned p = planned_open();
    CHECK_OK(slu_explain_json(p.layout, p.registry, &p.out, &err));
    json_t *root = json_loadb((const char *)p.out.data, p.out.bytes, 0, NULL);
    assert_non_null(root);
    assert_int_equal(json_integer_value(json_object_get(root, "tasks")), 12);
    json_t *operators = json_object_get(root, "operators");
    assert_int_equal(json_array_size(operators), 4);
    json_t *rule = json_array_get(operators, 1);
    CHECK_TEXT(json_string_value(json_object_get(json_array_get(json_object_get(rule, "inputs"), 0), "partition")), "hash");
    CHECK_TEXT(json_string_value(json_object_get(json_object_get(json_object_get(root, "settings"), "parallelism"), "origin")),
               "file");
    assert_int_equal(json_array_size(json_object_get(root, "warnings")), 3);
    json_decref(root);
    planned_close(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_say_what_and_why),
        cmocka_unit_test(no_secret_is_said),
        cmocka_unit_test(no_line_is_wider_than_80_columns),
        cmocka_unit_test(json_holds_the_same),
    };
    return cmocka_run_group_tests_name("plan.explain", tests, NULL, NULL);
}
