/* config_file.c: a server.yaml. Fluss's own is flat (`a.b.c: value`); nested maps are the same thing. */
#include "base/arena.h"
#include "base/file.h"
#include "fluss/config/config.h"

#include <yaml.h>

#define FILE_DEPTH_MAX 16
#define FILE_KEY_BYTES_MAX 512
#define FILE_NODES_MAX 16384
#define FILE_BRACKETS_MAX 1024 /* libyaml's time grows with the square of those that are open */

typedef struct reading {
    yaml_document_t document;
    fluss_config *config;
    const char *name;
    slu_buf list; /* the items of a list, joined */
    uint32_t nodes;
    slu_error *err;
} reading;

static slu_status
file_fail(const reading *r, slu_status status, yaml_mark_t mark, const char *what)
{
    return slu_error_set(r->err, status, "%s:%zu: %s", r->name, mark.line + 1, what);
}

static bool
scalar_is_null(const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;
    return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text[0] == 0 || strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0);
}

static slu_status
scalar_take(reading *r, const char *key, const yaml_node_t *node, const char *text)
{
    char where[1024];
    if (node->type == YAML_SCALAR_NODE && strlen(text) != node->data.scalar.length)
        return file_fail(r, SLU_INVALID, node->start_mark, "a text with a zero character");
    (void)snprintf(where, sizeof where, "%s:%zu", r->name, node->start_mark.line + 1);
    if (fluss_config_find(r->config, key) != NULL &&
        strncmp(fluss_config_find(r->config, key)->where, r->name, strlen(r->name)) == 0)
        return slu_error_set(r->err, SLU_INVALID, "%s: %s was said already at %s", where, key,
                             fluss_config_find(r->config, key)->where);
    return fluss_config_set(r->config, key, text, where, r->err);
}

static slu_status
list_take(reading *r, const char *key, const yaml_node_t *node)
{
    const char *between = strcmp(key, "super.users") == 0 ? ";" : ","; /* what separates them where they are one text */
    slu_buf_reset(&r->list);
    for (const yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++) {
        const yaml_node_t *part = yaml_document_get_node(&r->document, *item);
        if (part->type != YAML_SCALAR_NODE || ++r->nodes > FILE_NODES_MAX)
            return file_fail(r, SLU_INVALID, part->start_mark, "a list holds single values, and a file not too many");
        slu_buf_printf(&r->list, "%s%s", r->list.bytes == 0 ? "" : between, (const char *)part->data.scalar.value);
    }
    SLU_TRY(slu_buf_status(&r->list, r->err));
    return scalar_take(r, key, node, slu_buf_cstr(&r->list));
}

static slu_status map_take(reading *r, const char *prefix, const yaml_node_t *node, int depth);

static slu_status
pair_take(reading *r, const char *prefix, const yaml_node_pair_t *pair, int depth)
{
    char name[FILE_KEY_BYTES_MAX];
    const yaml_node_t *key = yaml_document_get_node(&r->document, pair->key);
    const yaml_node_t *value = yaml_document_get_node(&r->document, pair->value);
    if (key->type != YAML_SCALAR_NODE || key->data.scalar.length == 0)
        return file_fail(r, SLU_INVALID, key->start_mark, "a key is one word");
    if (snprintf(name, sizeof name, "%s%s%s", prefix, prefix[0] == 0 ? "" : ".", (const char *)key->data.scalar.value) >=
        (int)sizeof name)
        return file_fail(r, SLU_LIMIT, key->start_mark, "a key of more than 511 bytes");
    if (++r->nodes > FILE_NODES_MAX)
        return file_fail(r, SLU_LIMIT, key->start_mark, "too many values");
    switch (value->type) {
    case YAML_MAPPING_NODE: return map_take(r, name, value, depth + 1);
    case YAML_SEQUENCE_NODE: return list_take(r, name, value);
    case YAML_SCALAR_NODE:
        return scalar_is_null(value) ? SLU_OK : scalar_take(r, name, value, (const char *)value->data.scalar.value);
    default: return file_fail(r, SLU_INVALID, value->start_mark, "a value of unknown type");
    }
}

static slu_status
map_take(reading *r, const char *prefix, const yaml_node_t *node, int depth)
{
    if (depth > FILE_DEPTH_MAX)
        return file_fail(r, SLU_LIMIT, node->start_mark, "maps within maps, too deep");
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++)
        SLU_TRY(pair_take(r, prefix, pair, depth));
    return SLU_OK;
}

static slu_status
parser_fail(const yaml_parser_t *parser, const char *name, slu_error *err)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return slu_error_set(err, SLU_NOMEM, "%s: no memory for the YAML text", name);
    if (parser->error == YAML_READER_ERROR)
        return slu_error_set(err, SLU_INVALID, "%s: not a text in UTF-8: byte %zu", name, parser->problem_offset);
    return slu_error_set(err, SLU_INVALID, "%s:%zu: YAML: %s", name, parser->problem_mark.line + 1,
                         parser->problem == NULL ? "not understood" : parser->problem);
}

static slu_status
document_take(reading *r, yaml_parser_t *parser)
{
    if (yaml_parser_load(parser, &r->document) == 0)
        return parser_fail(parser, r->name, r->err);
    slu_status status = SLU_OK;
    const yaml_node_t *root = yaml_document_get_root_node(&r->document);
    if (root != NULL && root->type != YAML_MAPPING_NODE && !(root->type == YAML_SCALAR_NODE && scalar_is_null(root)))
        status = file_fail(r, SLU_INVALID, root->start_mark, "settings are a map, KEY: VALUE");
    else if (root != NULL && root->type == YAML_MAPPING_NODE)
        status = map_take(r, "", root, 1);
    yaml_document_delete(&r->document);
    return status;
}

static slu_status
second_document_check(reading *r, yaml_parser_t *parser)
{
    if (yaml_parser_load(parser, &r->document) == 0)
        return parser_fail(parser, r->name, r->err);
    const yaml_node_t *root = yaml_document_get_root_node(&r->document);
    const slu_status status =
        root == NULL ? SLU_OK : file_fail(r, SLU_INVALID, root->start_mark, "a second document: a file of settings is one");
    yaml_document_delete(&r->document);
    return status;
}

static slu_status
brackets_check(slu_view yaml, const char *name, slu_error *err)
{
    size_t open = 0;
    for (size_t i = 0; i < yaml.bytes; i++) {
        if (yaml.data[i] == '[' || yaml.data[i] == '{')
            open++;
        else if ((yaml.data[i] == ']' || yaml.data[i] == '}') && open > 0)
            open--;
        if (open > FILE_BRACKETS_MAX)
            return slu_error_set(err, SLU_LIMIT, "%s: more than %d brackets are open at byte %zu", name, FILE_BRACKETS_MAX, i);
    }
    return SLU_OK;
}

slu_status
fluss_config_parse(fluss_config *config, slu_view yaml, const char *name, slu_error *err)
{
    yaml_parser_t parser;
    reading r = {.config = config, .name = name, .err = err};
    if (yaml.bytes > FLUSS_CONFIG_FILE_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "%s: more than %zu bytes of settings", name, FLUSS_CONFIG_FILE_BYTES_MAX);
    SLU_TRY(brackets_check(yaml, name, err));
    if (yaml_parser_initialize(&parser) == 0)
        return slu_error_set(err, SLU_NOMEM, "no memory for the YAML parser");
    slu_buf_init(&r.list, FLUSS_CONFIG_FILE_BYTES_MAX);
    yaml_parser_set_input_string(&parser, yaml.data, yaml.bytes);
    slu_status status = document_take(&r, &parser);
    if (status == SLU_OK && yaml.bytes > 0)
        status = second_document_check(&r, &parser);
    yaml_parser_delete(&parser);
    slu_buf_fini(&r.list);
    return status;
}

slu_status
fluss_config_read(fluss_config *config, const char *path, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    slu_buf_init(&text, 2 * FLUSS_CONFIG_FILE_BYTES_MAX);
    SLU_TRY(slu_file_read(path, FLUSS_CONFIG_FILE_BYTES_MAX, &text, err));
    return fluss_config_parse(config, slu_buf_view(&text), path, err);
}
