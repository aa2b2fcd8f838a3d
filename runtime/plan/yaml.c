#include "yaml.h"

#include "graph.h"

#include <yaml.h>

#define BRACKETS_OPEN_MAX 4096

typedef struct reading {
    yaml_document_t document;
    slu_arena *arena;
    uint32_t nodes;
    slu_error *err;
} reading;

/* An error at a mark of libyaml, which counts from 0. */
#define mark_fail(err, status, mark, ...)                                                                                          \
    (__extension__({                                                                                                               \
        const slu_status mark_status_ = slu_error_set((err), (status), __VA_ARGS__);                                               \
        if ((err) != NULL) {                                                                                                       \
            (err)->line = (uint32_t)(mark).line + 1;                                                                               \
            (err)->column = (uint32_t)(mark).column + 1;                                                                           \
        }                                                                                                                          \
        mark_status_;                                                                                                              \
    }))

static slu_status node_read(reading *r, int index, int level, slu_value *out);

static bool
scalar_is_null(const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;
    return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text[0] == 0 || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 || strcmp(text, "Null") == 0 ||
            strcmp(text, "NULL") == 0);
}

static slu_status
scalar_read(reading *r, const yaml_node_t *node, slu_value *out)
{
    const char *text = (const char *)node->data.scalar.value;
    if (scalar_is_null(node))
        return SLU_OK;
    if (memchr(text, 0, node->data.scalar.length) != NULL)
        return mark_fail(r->err, SLU_INVALID, node->start_mark, "a text with a zero character");
    out->kind = SLU_VALUE_SCALAR;
    out->quoted =
        node->data.scalar.style == YAML_SINGLE_QUOTED_SCALAR_STYLE || node->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    out->column += out->quoted;
    out->text = slu_arena_strndup(r->arena, text, node->data.scalar.length);
    return slu_arena_status(r->arena, r->err);
}

static slu_status
list_read(reading *r, const yaml_node_t *node, int level, slu_value *out)
{
    const yaml_node_item_t *first = node->data.sequence.items.start;
    out->kind = SLU_VALUE_LIST;
    out->count = (uint32_t)(node->data.sequence.items.top - first);
    slu_value *items = slu_arena_array(r->arena, out->count, sizeof *items);
    SLU_TRY(slu_arena_status(r->arena, r->err));
    for (uint32_t i = 0; i < out->count; i++)
        SLU_TRY(node_read(r, first[i], level + 1, &items[i]));
    out->items = items;
    return SLU_OK;
}

static slu_status
key_check(reading *r, const slu_value *keys, uint32_t index)
{
    const slu_value *key = &keys[index];
    if (key->kind != SLU_VALUE_SCALAR)
        return slu_error_at(r->err, SLU_INVALID, key, 0, "a key is one word");
    if (strcmp(key->text, "<<") == 0 && key->quoted == 0)
        return slu_error_at(r->err, SLU_UNSUPPORTED, key, 0, "merge keys (<<) are not supported in a job descriptor");
    for (uint32_t i = 0; i < index; i++)
        if (strcmp(keys[i].text, key->text) == 0)
            return slu_error_at(r->err, SLU_INVALID, key, 0, "key %s comes twice: it is already in line %u", key->text,
                                keys[i].line);
    return SLU_OK;
}

static slu_status
map_read(reading *r, const yaml_node_t *node, int level, slu_value *out)
{
    const yaml_node_pair_t *first = node->data.mapping.pairs.start;
    out->kind = SLU_VALUE_MAP;
    out->count = (uint32_t)(node->data.mapping.pairs.top - first);
    if (out->count > SLU_YAML_KEYS_MAX)
        return mark_fail(r->err, SLU_LIMIT, node->start_mark, "a map with more than %d keys", SLU_YAML_KEYS_MAX);
    slu_value *keys = slu_arena_array(r->arena, out->count, sizeof *keys);
    slu_value *items = slu_arena_array(r->arena, out->count, sizeof *items);
    SLU_TRY(slu_arena_status(r->arena, r->err));
    for (uint32_t i = 0; i < out->count; i++) {
        SLU_TRY(node_read(r, first[i].key, level + 1, &keys[i]));
        SLU_TRY(key_check(r, keys, i));
        SLU_TRY(node_read(r, first[i].value, level + 1, &items[i]));
    }
    out->keys = keys;
    out->items = items;
    return SLU_OK;
}

static slu_status
node_read(reading *r, int index, int level, slu_value *out)
{
    const yaml_node_t *node = yaml_document_get_node(&r->document, index);
    *out = (slu_value){
        .size = sizeof *out, .line = (uint32_t)node->start_mark.line + 1, .column = (uint32_t)node->start_mark.column + 1};
    if (level > SLU_YAML_DEPTH_MAX || ++r->nodes > SLU_YAML_NODES_MAX)
        return mark_fail(r->err, SLU_LIMIT, node->start_mark, "more than %d levels or %d values (aliases count each time)",
                         SLU_YAML_DEPTH_MAX, SLU_YAML_NODES_MAX);
    switch (node->type) {
    case YAML_SCALAR_NODE: return scalar_read(r, node, out);
    case YAML_SEQUENCE_NODE: return list_read(r, node, level, out);
    case YAML_MAPPING_NODE: return map_read(r, node, level, out);
    default: return mark_fail(r->err, SLU_INVALID, node->start_mark, "a node of unknown type");
    }
}

/* libyaml says "found character that cannot start any token" where a person sees nothing at all. */
static bool
tab_is_at(slu_view text, yaml_mark_t mark)
{
    const uint8_t *at = text.data;
    const uint8_t *end = text.data + text.bytes;
    for (size_t line = 0; line < mark.line && at < end; line++) {
        const uint8_t *next = memchr(at, '\n', (size_t)(end - at));
        at = next == NULL ? end : next + 1;
    }
    return (size_t)(end - at) > mark.column && memchr(at, '\t', mark.column + 1) != NULL;
}

static slu_status
parser_fail(const yaml_parser_t *parser, slu_view text, slu_error *err)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return slu_error_set(err, SLU_NOMEM, "no memory for the YAML text");
    if (parser->error == YAML_READER_ERROR)
        return slu_error_set(err, SLU_INVALID, "not a text in UTF-8: %s at byte %zu", parser->problem, parser->problem_offset);
    if (tab_is_at(text, parser->problem_mark))
        return mark_fail(err, SLU_INVALID, parser->problem_mark, "a tab: YAML is indented with spaces");
    if (parser->context != NULL)
        return mark_fail(err, SLU_INVALID, parser->problem_mark, "YAML: %s, %s (in line %zu)", parser->problem, parser->context,
                         parser->context_mark.line + 1);
    return mark_fail(err, SLU_INVALID, parser->problem_mark, "YAML: %s",
                     parser->problem == NULL ? "not understood" : parser->problem);
}

static slu_status
second_document_check(yaml_parser_t *parser, slu_view text, slu_error *err)
{
    yaml_document_t document;
    if (yaml_parser_load(parser, &document) == 0)
        return parser_fail(parser, text, err);
    const yaml_node_t *root = yaml_document_get_root_node(&document);
    const slu_status status =
        root == NULL ? SLU_OK : mark_fail(err, SLU_INVALID, root->start_mark, "a second document: a descriptor holds one job");
    yaml_document_delete(&document);
    return status;
}

static slu_status
parser_read(yaml_parser_t *parser, slu_view text, slu_arena *arena, const slu_value **out, slu_error *err)
{
    reading r = {.arena = arena, .err = err};
    slu_value *root = slu_arena_alloc(arena, sizeof *root);
    SLU_TRY(slu_arena_status(arena, err));
    if (yaml_parser_load(parser, &r.document) == 0)
        return parser_fail(parser, text, err);
    slu_status status = SLU_OK;
    if (yaml_document_get_root_node(&r.document) == NULL)
        status = slu_error_set(err, SLU_INVALID, "the descriptor is empty");
    else
        status = node_read(&r, 1, 1, root);
    yaml_document_delete(&r.document);
    if (status == SLU_OK)
        status = second_document_check(parser, text, err);
    if (status == SLU_OK)
        *out = root;
    return status;
}

/* libyaml's time grows with the square of the brackets that are open: a megabyte of them would take it half an hour. Brackets in strings
 * count too; no descriptor has so many of them without their other halves. */
static slu_status
brackets_check(slu_view text, slu_error *err)
{
    size_t open = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        const uint8_t c = text.data[i];
        if (c == '[' || c == '{')
            open++;
        else if ((c == ']' || c == '}') && open > 0)
            open--;
        if (open > BRACKETS_OPEN_MAX)
            return slu_error_set(err, SLU_LIMIT, "more than %d brackets are open at byte %zu", BRACKETS_OPEN_MAX, i);
    }
    return SLU_OK;
}

slu_status
slu_yaml_parse(slu_view text, slu_arena *arena, const slu_value **out, slu_error *err)
{
    yaml_parser_t parser;
    if (text.bytes > SLU_GRAPH_TEXT_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "a descriptor of %zu bytes: at most %zu are allowed", text.bytes,
                             SLU_GRAPH_TEXT_BYTES_MAX);
    SLU_TRY(brackets_check(text, err));
    if (yaml_parser_initialize(&parser) == 0)
        return slu_error_set(err, SLU_NOMEM, "no memory for the YAML parser");
    yaml_parser_set_input_string(&parser, text.data, text.bytes);
    const slu_status status = parser_read(&parser, text, arena, out, err);
    yaml_parser_delete(&parser);
    return status;
}
