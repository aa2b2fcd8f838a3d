#include "explain.h"

#include <jansson.h>
#include <sluice/columns.h>
#include <stdlib.h>

#define TEXT_COLUMNS 80

/* ---- Words --------------------------------------------------------------------------------------------------------------------- */

static void
type_text(const struct ArrowSchema *field, slu_buf *out)
{
    static const char *const plain[] = {"?",      "BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", NULL,
                                        "STRING", "BYTES",   NULL,      "DATE",     NULL,  NULL,     "ROW",   "ARRAY",  "MAP"};
    const slu_type type = slu_type_of(field->format);
    switch (type.id) {
    case SLU_TYPE_DECIMAL: slu_buf_printf(out, "DECIMAL(%d,%d)", type.precision, type.scale); break;
    case SLU_TYPE_FIXED: slu_buf_printf(out, "BINARY(%d)", type.width_bytes); break;
    case SLU_TYPE_TIME: slu_buf_printf(out, "TIME(%d)", type.precision); break;
    case SLU_TYPE_TIMESTAMP: slu_buf_printf(out, "TIMESTAMP%s(%d)", type.zoned ? "_LTZ" : "", type.precision); break;
    default: slu_buf_text(out, plain[type.id]); break;
    }
    if (!slu_schema_nullable(field))
        slu_buf_text(out, " NOT NULL");
}

static void
edge_words(const slu_graph *graph, const slu_edge *edge, slu_buf *out)
{
    slu_buf_text(out, slu_partition_name(edge->partition));
    for (uint32_t i = 0; i < edge->key_count && edge->partition == SLU_PARTITION_HASH; i++)
        slu_buf_printf(out, "%s%s", i == 0 ? " by " : ", ", edge->keys[i]);
    if (edge->from_output != 0)
        slu_buf_printf(out, " (output %u)", edge->from_output);
}

/* Why an edge chains or does not. */
static const char *
edge_reason(const slu_graph *graph, const slu_operator *op, const slu_edge *edge)
{
    switch (edge->partition) {
    case SLU_PARTITION_HASH: return "rows of one key must meet in one task";
    case SLU_PARTITION_BUCKET: return "each bucket of the table gets one writer";
    case SLU_PARTITION_BROADCAST: return "every task gets every batch";
    case SLU_PARTITION_GLOBAL: return "one task gets every batch";
    case SLU_PARTITION_REBALANCE:
        return graph->operators[edge->from].parallelism == op->parallelism ? "batches go round robin, as written"
                                                                           : "the two sides have different parallelism";
    default:
        return op->input_count > 1 ? "an operator with several inputs starts a chain of its own"
                                   : "chained: one input, equal parallelism";
    }
}

/* Secrets are never printed: those that an option table calls so, and what sounds like one (a prefix parameter has no table). */
static const char *
param_shown(const slu_graph *graph, slu_registry *registry, const slu_param *param)
{
    static const char *const hints[] = {"secret", "password", "token", "credential", "access-key", "access.key"};
    slu_registered found;
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
        if (strcasestr(param->name, hints[i]) != NULL)
            return "***";
    for (uint32_t i = 0; i < graph->operator_count; i++) {
        if (slu_registry_find(registry, graph->operators[i].use, 0, &found, NULL) != SLU_OK)
            continue;
        for (uint32_t k = 0; k < found.plugin->option_count; k++) {
            const slu_option *option = &found.plugin->options[k];
            if ((option->flags & SLU_OPTION_SECRET) != 0 && option->param != NULL && strcmp(option->param, param->name) == 0)
                return "***";
        }
    }
    return param->text;
}

/* ---- Warnings ------------------------------------------------------------------------------------------------------------------ */

/* Whether some map in the options says `time: processing`. */
static bool
says_processing_time(const slu_value *value, int level)
{
    const slu_value *time = value == NULL || level > 8 ? NULL : slu_value_get(value, "time");
    if (time != NULL && time->kind == SLU_VALUE_SCALAR && strcmp(time->text, "processing") == 0)
        return true;
    for (uint32_t i = 0; value != NULL && level <= 8 && i < value->count; i++)
        if (says_processing_time(&value->items[i], level + 1))
            return true;
    return false;
}

static bool
has_option(const slu_plugin *plugin, const char *name)
{
    for (uint32_t i = 0; i < plugin->option_count; i++)
        if (strcmp(plugin->options[i].name, name) == 0)
            return true;
    return false;
}

typedef void warn_fn(void *to, const char *operator_id, const char *text);

static void
warn_operator(const slu_graph *graph, const slu_operator *op, slu_registry *registry, warn_fn *each, void *to)
{
    slu_registered found;
    char text[256];
    const bool known = slu_registry_find(registry, op->use, 0, &found, NULL) == SLU_OK;
    if (says_processing_time(op->with, 0))
        each(to, op->id, "a rule on processing time: a replay after a failure may decide otherwise. A time column does not");
    if ((op->flags & SLU_PLUGIN_NONDETERMINISTIC) != 0)
        each(to, op->id, "may give other rows when it is replayed: after a failure, rows near the last checkpoint can differ");
    if (known && op->kind == SLU_KIND_SINK && has_option(found.plugin, "identity") && slu_value_get(op->with, "identity") == NULL)
        each(to, op->id, "a sink without `identity`: after a failure rows may be written twice (at-least-once)");
    if (op->kind == SLU_KIND_SOURCE && op->split_count != 0 && op->split_count < op->parallelism) {
        (void)snprintf(text, sizeof text, "has %u splits for %u tasks: %u of them have nothing to do", op->split_count,
                       op->parallelism, op->parallelism - op->split_count);
        each(to, op->id, text);
    }
}

void
slu_explain_warnings(const slu_graph *graph, slu_registry *registry, warn_fn *each, void *to)
{
    for (uint32_t i = 0; i < graph->operator_count; i++)
        warn_operator(graph, &graph->operators[i], registry, each, to);
    if (graph->checkpoint.interval_ms == 0)
        each(to, "",
             "no checkpoints: after a failure the job starts again from the beginning. Say `checkpoint: { interval: 10s }`");
}

/* ---- Text ---------------------------------------------------------------------------------------------------------------------- */

/* Words after `indent` spaces, broken at TEXT_COLUMNS. */
static void
paragraph(slu_buf *out, int indent, const char *text)
{
    int column = indent;
    bool first = true;
    slu_buf_printf(out, "%*s", indent, "");
    while (*text != 0) {
        const int bytes = (int)strcspn(text, " ");
        if (!first && column + 1 + bytes > TEXT_COLUMNS) {
            slu_buf_printf(out, "\n%*s", indent, "");
            column = indent;
            first = true;
        }
        slu_buf_printf(out, "%s%.*s", first ? "" : " ", bytes, text);
        column += bytes + !first;
        first = false;
        text += bytes;
        text += strspn(text, " ");
    }
    slu_buf_text(out, "\n");
}

static void
paragraph_of(slu_buf *out, int indent, slu_buf *words)
{
    paragraph(out, indent, slu_buf_cstr(words));
    slu_buf_reset(words);
}

static void
settings_text(const slu_graph *graph, slu_registry *registry, const slu_params params, slu_buf *out)
{
    for (uint32_t i = 0; i < params.count; i++) {
        const slu_param *param = &params.items[i];
        if (param->text != NULL && param->text[0] != 0)
            slu_buf_printf(out, "  %-30s %-34s %s\n", param->name, param_shown(graph, registry, param),
                           slu_origin_name(param->origin));
    }
}

static void
options_text(const slu_graph *graph, const slu_operator *op, slu_registry *registry, slu_buf *out)
{
    slu_registered found;
    if (slu_registry_find(registry, op->use, 0, &found, NULL) != SLU_OK)
        return;
    for (uint32_t i = 0; i < found.plugin->option_count; i++) {
        uint32_t origin;
        const slu_option *option = &found.plugin->options[i];
        const char *text = slu_option_text(option, op->with, graph->params, &origin);
        if (text == NULL && slu_value_get(op->with, option->name) != NULL)
            text = "(as written)";
        if (text != NULL)
            slu_buf_printf(out, "    %-28s %-34s %s\n", option->name, text, slu_origin_name(origin));
    }
}

static void
columns_text(const slu_operator *op, slu_buf *words, slu_buf *out)
{
    for (uint32_t k = 0; k < op->output_count; k++) {
        const struct ArrowSchema *schema = op->outputs == NULL ? NULL : op->outputs[k];
        slu_buf_printf(words, op->output_count > 1 ? "gives (output %u):" : "gives", k);
        for (int64_t i = 0; schema != NULL && i < schema->n_children; i++) {
            slu_buf_printf(words, "%s%s ", i == 0 ? " " : ", ", schema->children[i]->name);
            type_text(schema->children[i], words);
        }
        if (schema == NULL)
            slu_buf_text(words, op->dynamic != 0 ? " columns that each batch carries" : " columns that were not asked for");
        paragraph_of(out, 4, words);
    }
}

static void
edges_text(const slu_graph *graph, const slu_operator *op, slu_buf *words, slu_buf *out)
{
    for (uint32_t k = 0; k < op->input_count; k++) {
        slu_buf_printf(words, "takes from %s, ", graph->operators[op->inputs[k].from].id);
        edge_words(graph, &op->inputs[k], words);
        slu_buf_printf(words, ": %s", edge_reason(graph, op, &op->inputs[k]));
        paragraph_of(out, 4, words);
    }
}

static void
operators_text(const slu_layout *layout, slu_registry *registry, slu_buf *words, slu_buf *out)
{
    const slu_graph *graph = layout->graph;
    for (uint32_t i = 0; i < graph->operator_count; i++) {
        const slu_operator *op = &graph->operators[i];
        slu_buf_printf(words, "%s: %s %s of module %s, parallelism %u (%s)", op->id, slu_kind_name(op->kind), op->use, op->module,
                       op->parallelism, slu_origin_name(op->parallelism_origin));
        paragraph_of(out, 2, words);
        edges_text(graph, op, words, out);
        columns_text(op, words, out);
        if (op->kind == SLU_KIND_SOURCE)
            slu_buf_printf(out, "    %u split%s, %s\n", op->split_count, op->split_count == 1 ? "" : "s",
                           op->bounded != 0 ? "comes to an end" : "goes on for ever");
        options_text(graph, op, registry, out);
    }
}

static void
vertices_text(const slu_layout *layout, slu_buf *words, slu_buf *out)
{
    for (uint32_t v = 0; v < layout->vertex_count; v++) {
        slu_buf_printf(words, "%u  %s (%u task%s)", v, layout->vertices[v].name, layout->vertices[v].parallelism,
                       layout->vertices[v].parallelism == 1 ? "" : "s");
        paragraph_of(out, 2, words);
    }
    for (uint32_t i = 0; i < layout->link_count; i++) {
        const slu_link_edge *link = &layout->links[i];
        slu_buf_printf(out, "  %u => %u  %s, %u channel%s\n", link->from_vertex, link->to_vertex,
                       slu_partition_name(link->partition), link->channel_count, link->channel_count == 1 ? "" : "s");
    }
}

typedef struct warning_sink {
    slu_buf *out;
    slu_buf *words;
    json_t *list;
    uint32_t count;
} warning_sink;

static void
warning_text(void *to, const char *operator_id, const char *text)
{
    warning_sink *sink = to;
    if (sink->count++ == 0)
        slu_buf_text(sink->out, "\nwarnings\n");
    slu_buf_printf(sink->words, "%s%s%s", operator_id, operator_id[0] == 0 ? "" : ": ", text);
    paragraph_of(sink->out, 2, sink->words);
}

/* Each sink's, with its conditions. */
static void
promises_text(const slu_graph *graph, slu_buf *words, slu_buf *out)
{
    bool first = true;
    for (uint32_t i = 0; i < graph->operator_count; i++) {
        const slu_operator *op = &graph->operators[i];
        if (op->promise == NULL)
            continue;
        slu_buf_text(out, first ? "\npromises\n" : "");
        slu_buf_printf(words, "%s: %s", op->id, op->promise);
        paragraph_of(out, 2, words);
        first = false;
    }
}

static void
counted(slu_buf *out, uint32_t count, const char *what, const char *then)
{
    slu_buf_printf(out, "%u %s%s%s", count, what, count == 1 ? "" : "s", then);
}

slu_status
slu_explain_text(const slu_layout *layout, slu_registry *registry, slu_buf *out, slu_error *err)
{
    const slu_graph *graph = layout->graph;
    slu_buf words;
    slu_buf_init(&words, 1 << 20);
    slu_buf_printf(out, "job %s: ", graph->name);
    counted(out, graph->operator_count, "operator", ", ");
    counted(out, layout->vertex_count, "chain", ", ");
    counted(out, layout->task_count, "task", ", ");
    counted(out, layout->channel_count, "channel", "\n\n");
    slu_buf_text(out, "chains: operators of one chain call each other directly, on one thread per task\n");
    vertices_text(layout, &words, out);
    slu_buf_text(out, "\noperators\n");
    operators_text(layout, registry, &words, out);
    slu_buf_printf(out, "\nsettings (key groups: %u)\n", graph->max_parallelism);
    settings_text(graph, registry, graph->settings, out);
    settings_text(graph, registry, graph->params, out);
    promises_text(graph, &words, out);
    warning_sink sink = {out, &words, NULL, 0};
    slu_explain_warnings(graph, registry, warning_text, &sink);
    slu_buf_fini(&words);
    return slu_buf_status(out, err);
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------------------- */

static json_t *
settings_json(const slu_graph *graph, slu_registry *registry, const slu_params params)
{
    json_t *object = json_object();
    for (uint32_t i = 0; i < params.count; i++) {
        const slu_param *param = &params.items[i];
        if (param->text != NULL)
            json_object_set_new(
                object, param->name,
                json_pack("{s:s, s:s}", "value", param_shown(graph, registry, param), "origin", slu_origin_name(param->origin)));
    }
    return object;
}

static json_t *
schema_json(const struct ArrowSchema *schema)
{
    json_t *list = json_array();
    slu_buf type;
    slu_buf_init(&type, 4096);
    for (int64_t i = 0; schema != NULL && i < schema->n_children; i++) {
        slu_buf_reset(&type);
        type_text(schema->children[i], &type);
        json_array_append_new(list, json_pack("{s:s, s:s}", "name", schema->children[i]->name, "type", slu_buf_cstr(&type)));
    }
    slu_buf_fini(&type);
    return list;
}

static json_t *
inputs_json(const slu_graph *graph, const slu_operator *op)
{
    json_t *list = json_array();
    for (uint32_t k = 0; k < op->input_count; k++) {
        const slu_edge *edge = &op->inputs[k];
        json_t *keys = json_array();
        for (uint32_t i = 0; i < edge->key_count; i++)
            json_array_append_new(keys, json_string(edge->keys[i]));
        json_array_append_new(list, json_pack("{s:s, s:I, s:s, s:o, s:s}", "from", graph->operators[edge->from].id, "output",
                                              (json_int_t)edge->from_output, "partition", slu_partition_name(edge->partition),
                                              "keys", keys, "why", edge_reason(graph, op, edge)));
    }
    return list;
}

static json_t *
options_json(const slu_graph *graph, const slu_operator *op, slu_registry *registry)
{
    slu_registered found;
    json_t *object = json_object();
    if (slu_registry_find(registry, op->use, 0, &found, NULL) != SLU_OK)
        return object;
    for (uint32_t i = 0; i < found.plugin->option_count; i++) {
        uint32_t origin;
        const slu_option *option = &found.plugin->options[i];
        const char *text = slu_option_text(option, op->with, graph->params, &origin);
        if (text != NULL)
            json_object_set_new(object, option->name, json_pack("{s:s, s:s}", "value", text, "origin", slu_origin_name(origin)));
    }
    return object;
}

static json_t *
operator_json(const slu_graph *graph, const slu_operator *op, slu_registry *registry)
{
    json_t *outputs = json_array();
    for (uint32_t k = 0; k < op->output_count; k++)
        json_array_append_new(outputs, op->outputs == NULL || op->outputs[k] == NULL ? json_null() : schema_json(op->outputs[k]));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:o, s:o, s:I, s:b, s:b, s:o, s:s?}", "id", op->id, "use", op->use,
                     "module", op->module, "sha256", op->module_sha256, "kind", slu_kind_name(op->kind), "parallelism",
                     (json_int_t)op->parallelism, "parallelism_origin", slu_origin_name(op->parallelism_origin), "inputs",
                     inputs_json(graph, op), "outputs", outputs, "splits", (json_int_t)op->split_count, "bounded", (int)op->bounded,
                     "dynamic", (int)op->dynamic, "options", options_json(graph, op, registry), "promise", op->promise);
}

static json_t *
vertices_json(const slu_layout *layout)
{
    json_t *list = json_array();
    for (uint32_t v = 0; v < layout->vertex_count; v++) {
        json_t *operators = json_array();
        for (uint32_t i = 0; i < layout->vertices[v].operator_count; i++)
            json_array_append_new(operators, json_string(layout->graph->operators[layout->vertices[v].operators[i]].id));
        json_array_append_new(list, json_pack("{s:s, s:I, s:o}", "name", layout->vertices[v].name, "parallelism",
                                              (json_int_t)layout->vertices[v].parallelism, "operators", operators));
    }
    return list;
}

static json_t *
links_json(const slu_layout *layout)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < layout->link_count; i++) {
        const slu_link_edge *link = &layout->links[i];
        json_array_append_new(list, json_pack("{s:I, s:I, s:s, s:I}", "from", (json_int_t)link->from_vertex, "to",
                                              (json_int_t)link->to_vertex, "partition", slu_partition_name(link->partition),
                                              "channels", (json_int_t)link->channel_count));
    }
    return list;
}

static void
warning_json(void *to, const char *operator_id, const char *text)
{
    warning_sink *sink = to;
    json_array_append_new(sink->list, json_pack("{s:s, s:s}", "operator", operator_id, "text", text));
}

slu_status
slu_explain_json(const slu_layout *layout, slu_registry *registry, slu_buf *out, slu_error *err)
{
    const slu_graph *graph = layout->graph;
    json_t *operators = json_array();
    warning_sink sink = {.list = json_array()};
    for (uint32_t i = 0; i < graph->operator_count; i++)
        json_array_append_new(operators, operator_json(graph, &graph->operators[i], registry));
    slu_explain_warnings(graph, registry, warning_json, &sink);
    json_t *root = json_pack("{s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "job", graph->name, "max_parallelism",
                             (json_int_t)graph->max_parallelism, "tasks", (json_int_t)layout->task_count, "channels",
                             (json_int_t)layout->channel_count, "vertices", vertices_json(layout), "links", links_json(layout),
                             "operators", operators, "settings", settings_json(graph, registry, graph->settings), "params",
                             settings_json(graph, registry, graph->params), "warnings", sink.list);
    char *text = root == NULL ? NULL : json_dumps(root, JSON_INDENT(2));
    json_decref(root);
    if (text == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for the explanation, or a text that is not UTF-8");
    slu_buf_text(out, text);
    slu_buf_text(out, "\n");
    free(text);
    return slu_buf_status(out, err);
}
