/* descriptor_fuzz.c: any text as a job descriptor: read, planned with plugins that only plan, encoded, decoded, reported. */
#include "base/env.h"
#include "plan/descriptor.h"
#include "plan/planner.h"

#include "../../unit/plan/fake_plugins.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static slu_registry *
registry(void)
{
    static slu_registry *made;
    if (made == NULL && (slu_registry_new(&made, NULL) != SLU_OK || slu_registry_add_module(made, &fake_module, NULL) != SLU_OK))
        abort();
    return made;
}

/* What was planned must survive its own bytes. */
static void
round_trip(const slu_graph *graph)
{
    slu_error err;
    slu_buf encoded;
    slu_graph *again = NULL;
    slu_buf_init(&encoded, (size_t)1 << 26);
    if (slu_graph_encode(graph, &encoded, &err) == SLU_OK && slu_graph_decode(slu_buf_view(&encoded), &again, &err) != SLU_OK)
        abort();
    slu_graph_free(&again);
    slu_buf_fini(&encoded);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    slu_error err;
    slu_buf report;
    slu_env_fake fake;
    slu_graph *graph = NULL;
    static const slu_setting settings[] = {{"parallelism", "2"}, {"fluss.bootstrap.servers", "h:1"}};
    const slu_descriptor descriptor = {
        .path = "fuzz.yaml", .text = slu_view_of(data, bytes), .settings = settings, .setting_count = bytes > 0 ? data[0] & 1 : 0};
    slu_env_init_fake(&fake, 1);
    const slu_planner planner = {.registry = registry(), .env = &fake.env};
    slu_status status = slu_descriptor_read(&descriptor, &graph, &err);
    if (status == SLU_OK)
        status = slu_plan_graph(graph, &planner, &err);
    if (status == SLU_OK)
        round_trip(graph);
    slu_buf_init(&report, (size_t)1 << 16);
    if (status != SLU_OK)
        slu_descriptor_report("fuzz.yaml", descriptor.text, &err, &report);
    slu_buf_fini(&report);
    slu_graph_free(&graph);
    return 0;
}
