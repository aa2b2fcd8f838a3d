/* graph_fuzz.c: a job graph from outside, and its layout. */
#include "plan/graph.h"
#include "plan/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    slu_error err;
    slu_graph *graph = NULL;
    slu_layout *layout = NULL;
    if (slu_graph_decode(slu_view_of(data, bytes), &graph, &err) != SLU_OK)
        return 0;
    if (slu_layout_new(graph, &layout, &err) == SLU_OK)
        slu_layout_free(&layout);
    slu_graph_free(&graph);
    return 0;
}
