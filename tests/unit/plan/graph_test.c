/* A graph: its checks, its bytes, its layout. */
#include "support/check.h"

#include "base/bytes.h"
#include "base/file.h"
#include "plan/graph.h"
#include "plan/layout.h"

#include <sluice/columns.h>

/* ---- A graph by hand ----------------------------------------------------------------------------------------------------------- */

static slu_operator *
add(slu_graph *graph, const char *id, uint32_t parallelism)
{
    slu_operator *op = &graph->operators[graph->operator_count++];
    op->id = id;
    op->use = "some_plugin";
    op->module = "some";
    op->module_sha256 = "";
    op->kind = SLU_KIND_OPERATOR;
    op->parallelism = parallelism;
    op->line = graph->operator_count;
    return op;
}

static void
feed(slu_graph *graph, slu_operator *op, uint32_t from, uint32_t partition)
{
    static const char *const keys[] = {"accountId"};
    slu_edge *inputs = slu_arena_array(&graph->arena, op->input_count + 1, sizeof *inputs);
    assert_non_null(inputs);
    if (op->input_count != 0)
        memcpy(inputs, op->inputs, op->input_count * sizeof *inputs);
    inputs[op->input_count] = (slu_edge){.from = from, .partition = partition};
    if (partition == SLU_PARTITION_HASH) {
        inputs[op->input_count].key_count = 1;
        inputs[op->input_count].keys = keys;
    }
    op->inputs = inputs;
    op->input_count++;
}

static void
give_output(slu_graph *graph, slu_operator *op)
{
    slu_error err;
    const struct ArrowSchema **outputs = slu_arena_array(&graph->arena, 1, sizeof *outputs);
    struct ArrowSchema *schema = slu_arena_alloc(&graph->arena, sizeof *schema);
    CHECK_OK(slu_schema_init_struct(schema));
    CHECK_OK(slu_schema_add(schema, "l", "accountId", false));
    CHECK_OK(slu_schema_add(schema, "d:10,2", "amount", true));
    outputs[0] = schema;
    op->outputs = outputs;
    op->output_count = 1;
}

static slu_graph *
graph_empty(void)
{
    slu_error err;
    slu_graph *graph = NULL;
    CHECK_OK(slu_graph_new(&graph, &err));
    graph->name = "test";
    graph->operators = slu_arena_array(&graph->arena, SLU_OPERATORS_MAX, sizeof *graph->operators);
    assert_non_null(graph->operators);
    return graph;
}

/* source(2) -forward-> filter(2) -hash-> rule(4) -forward-> sink(4); filter -rebalance-> log(1) */
static slu_graph *
graph_small(void)
{
    slu_graph *graph = graph_empty();
    give_output(graph, add(graph, "source", 2));
    slu_operator *filter = add(graph, "filter", 2);
    give_output(graph, filter);
    feed(graph, filter, 0, SLU_PARTITION_FORWARD);
    slu_operator *rule = add(graph, "rule", 4);
    give_output(graph, rule);
    feed(graph, rule, 1, SLU_PARTITION_HASH);
    slu_operator *sink = add(graph, "sink", 4);
    feed(graph, sink, 2, SLU_PARTITION_FORWARD);
    slu_operator *log = add(graph, "log", 1);
    feed(graph, log, 1, SLU_PARTITION_REBALANCE);
    return graph;
}

/* ---- Checks -------------------------------------------------------------------------------------------------------------------- */

static void
operators_are_put_in_order(void **state)
{
    (void)state;
    slu_error err;
    slu_graph *graph = graph_empty();
    feed(graph, add(graph, "sink", 1), 2, SLU_PARTITION_FORWARD);
    add(graph, "source", 1);
    feed(graph, add(graph, "filter", 1), 1, SLU_PARTITION_FORWARD);
    CHECK_OK(slu_graph_check(graph, &err));
    CHECK_TEXT(graph->operators[0].id, "source");
    CHECK_TEXT(graph->operators[1].id, "filter");
    CHECK_TEXT(graph->operators[2].id, "sink");
    assert_int_equal(graph->operators[1].inputs[0].from, 0);
    assert_int_equal(graph->operators[2].inputs[0].from, 1);
    slu_graph_free(&graph);
}

static void
a_cycle_is_named(void **state)
{
    (void)state;
    slu_error err;
    slu_graph *graph = graph_empty();
    add(graph, "source", 1);
    slu_operator *a = add(graph, "a", 1);
    slu_operator *b = add(graph, "b", 1);
    slu_operator *c = add(graph, "c", 1);
    feed(graph, a, 0, SLU_PARTITION_FORWARD);
    feed(graph, a, 2, SLU_PARTITION_FORWARD);
    feed(graph, b, 1, SLU_PARTITION_FORWARD);
    feed(graph, c, 2, SLU_PARTITION_FORWARD);
    CHECK_STATUS(slu_graph_check(graph, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "operators feed each other in a circle: ");
    CHECK_MESSAGE(err, "a <- b <- a");
    slu_graph_free(&graph);
}

static void
ids_are_unique_and_plain(void **state)
{
    (void)state;
    slu_error err;
    slu_graph *graph = graph_empty();
    add(graph, "twice", 1);
    add(graph, "twice", 1);
    CHECK_STATUS(slu_graph_check(graph, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "operator id twice is already used in line 1");
    assert_int_equal(err.line, 2);
    graph->operators[1].id = "a.b";
    CHECK_STATUS(slu_graph_check(graph, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "has the character '.'");
    slu_graph_free(&graph);
}

/* ---- Bytes --------------------------------------------------------------------------------------------------------------------- */

static const slu_value scalar = {
    .size = sizeof scalar, .kind = SLU_VALUE_SCALAR, .text = "fluss.account", .line = 3, .column = 7, .quoted = 1};
static const slu_value nothing = {.size = sizeof nothing, .kind = SLU_VALUE_NULL, .line = 4, .column = 1};
static const slu_split split = {.size = sizeof split, .id = "bucket-0", .data = "\0\1\2", .data_bytes = 3};

static void
graph_bytes(slu_graph *graph, slu_buf *out)
{
    slu_error err;
    static const slu_param params[] = {{"fluss.bootstrap.servers", "h:9123", SLU_ORIGIN_COMMAND_LINE, 2, 3},
                                       {"x.*", NULL, SLU_ORIGIN_FILE, 3, 3}};
    slu_value *list = slu_arena_array(&graph->arena, 2, sizeof *list);
    slu_value *map = slu_arena_array(&graph->arena, 1, sizeof *map);
    list[0] = scalar;
    list[1] = nothing;
    map[0] = (slu_value){.size = sizeof *map, .kind = SLU_VALUE_MAP, .count = 1, .line = 3, .column = 1};
    slu_value *item = slu_arena_array(&graph->arena, 1, sizeof *item);
    item[0] = (slu_value){.size = sizeof *item, .kind = SLU_VALUE_LIST, .count = 2, .items = list};
    map->keys = &scalar;
    map->items = item;
    graph->operators[0].with = map;
    graph->operators[0].splits = &split;
    graph->operators[0].split_count = 1;
    graph->params = (slu_params){params, 2};
    graph->checkpoint.interval_ms = 10000;
    slu_buf_init(out, 1 << 20);
    CHECK_OK(slu_graph_encode(graph, out, &err));
}

static void
bytes_give_the_same_graph(void **state)
{
    (void)state;
    slu_error err;
    slu_buf bytes, again;
    slu_graph *graph = graph_small();
    slu_graph *copy = NULL;
    graph_bytes(graph, &bytes);
    if (getenv("SLUICE_TEST_WRITE") != NULL) /* the corpus of the fuzz target */
        CHECK_OK(slu_file_write(SLUICE_TEST_DATA "/fuzz/plan/corpus/graph/small", slu_buf_view(&bytes), false, &err));
    CHECK_OK(slu_graph_decode(slu_buf_view(&bytes), &copy, &err));
    assert_int_equal(copy->operator_count, 5);
    assert_true(slu_schema_equal(copy->operators[0].outputs[0], graph->operators[0].outputs[0]));
    CHECK_TEXT(copy->operators[2].inputs[0].keys[0], "accountId");
    assert_int_equal(copy->operators[0].splits[0].data_bytes, 3);
    const slu_value *with = copy->operators[0].with;
    CHECK_TEXT(with->items[0].items[0].text, "fluss.account");
    assert_int_equal(with->items[0].items[1].kind, SLU_VALUE_NULL);
    assert_int_equal(with->keys[0].column, 7);
    assert_null(copy->params.items[1].text);
    slu_buf_init(&again, 1 << 20);
    CHECK_OK(slu_graph_encode(copy, &again, &err));
    assert_true(slu_view_equal(slu_buf_view(&bytes), slu_buf_view(&again)));
    slu_buf_fini(&bytes);
    slu_buf_fini(&again);
    slu_graph_free(&copy);
    slu_graph_free(&graph);
}

static void
every_shorter_text_and_every_flipped_byte_is_survived(void **state)
{
    (void)state;
    slu_error err;
    slu_buf bytes;
    slu_graph *graph = graph_small();
    graph_bytes(graph, &bytes);
    for (size_t n = 0; n < bytes.bytes; n++) {
        slu_graph *copy = NULL;
        uint8_t *cut = guarded_copy(bytes.data, n);
        if (slu_graph_decode(slu_view_of(cut, n), &copy, &err) == SLU_OK)
            fail_msg("a graph cut at byte %zu was accepted", n);
        guarded_free(cut, n);
    }
    for (size_t n = 0; n < bytes.bytes; n++) {
        slu_graph *copy = NULL;
        bytes.data[n] ^= 0x81;
        if (slu_graph_decode(slu_buf_view(&bytes), &copy, &err) == SLU_OK)
            slu_graph_free(&copy);
        bytes.data[n] ^= 0x81;
    }
    slu_buf_fini(&bytes);
    slu_graph_free(&graph);
}

/* ---- Layout -------------------------------------------------------------------------------------------------------------------- */

static void
chains_follow_forward_edges(void **state)
{
    (void)state;
    slu_error err;
    slu_layout *layout = NULL;
    slu_graph *graph = graph_small();
    CHECK_OK(slu_layout_new(graph, &layout, &err));
    assert_int_equal(layout->vertex_count, 3);
    CHECK_TEXT(layout->vertices[0].name, "source -> filter");
    CHECK_TEXT(layout->vertices[1].name, "rule -> sink");
    CHECK_TEXT(layout->vertices[2].name, "log");
    assert_int_equal(layout->task_count, 2 + 4 + 1);
    assert_int_equal(layout->link_count, 2);
    assert_int_equal(layout->links[0].channel_count, 8);
    assert_int_equal(layout->links[1].channel_count, 2);
    assert_int_equal(layout->channel_count, 10);
    /* sender 1, receiver 2 of the hash edge */
    const slu_channel_plan *channel = &layout->channels[layout->links[0].channel_first + 1 * 4 + 2];
    assert_int_equal(channel->from_task, 1);
    assert_int_equal(channel->to_task, 2 + 2);
    slu_layout_free(&layout);
    slu_graph_free(&graph);
}

static void
a_union_does_not_chain(void **state)
{
    (void)state;
    slu_error err;
    slu_layout *layout = NULL;
    slu_graph *graph = graph_empty();
    add(graph, "a", 3);
    add(graph, "b", 3);
    slu_operator *both = add(graph, "both", 3);
    feed(graph, both, 0, SLU_PARTITION_FORWARD);
    feed(graph, both, 1, SLU_PARTITION_FORWARD);
    CHECK_OK(slu_layout_new(graph, &layout, &err));
    assert_int_equal(layout->vertex_count, 3);
    assert_int_equal(layout->vertices[2].input_count, 2);
    assert_int_equal(layout->channel_count, 6);
    assert_int_equal(layout->channels[4].from_task, 3 + 1);
    assert_int_equal(layout->channels[4].to_task, 6 + 1);
    slu_layout_free(&layout);
    slu_graph_free(&graph);
}

static void
too_many_tasks_are_refused(void **state)
{
    (void)state;
    slu_error err;
    slu_layout *layout = NULL;
    slu_graph *graph = graph_empty();
    for (uint32_t i = 0; i < 5; i++)
        add(graph, "x", SLU_PARALLELISM_MAX);
    CHECK_STATUS(slu_layout_new(graph, &layout, &err), SLU_LIMIT);
    slu_graph_free(&graph);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_are_put_in_order),
        cmocka_unit_test(a_cycle_is_named),
        cmocka_unit_test(ids_are_unique_and_plain),
        cmocka_unit_test(bytes_give_the_same_graph),
        cmocka_unit_test(every_shorter_text_and_every_flipped_byte_is_survived),
        cmocka_unit_test(chains_follow_forward_edges),
        cmocka_unit_test(a_union_does_not_chain),
        cmocka_unit_test(too_many_tasks_are_refused),
    };
    return cmocka_run_group_tests_name("plan.graph", tests, NULL, NULL);
}
