#include "descriptor_words.h"

#include "fluss/merge/aggregate.h"

#include <string.h>

slu_status
cli_name_list(const char *text, slu_arena *arena, const char ***out, size_t *count, slu_error *err)
{
    const char **list = slu_arena_array(arena, CLI_KEY_COLUMNS_MAX, sizeof *list);
    char *copy = slu_arena_strdup(arena, text == NULL ? "" : text);
    SLU_TRY(slu_arena_status(arena, err));
    *count = 0;
    for (char *save = NULL, *name = strtok_r(copy, ", ", &save); name != NULL; name = strtok_r(NULL, ", ", &save)) {
        if (*count == CLI_KEY_COLUMNS_MAX)
            return slu_error_set(err, SLU_LIMIT, "more than %d columns in a key", CLI_KEY_COLUMNS_MAX);
        list[(*count)++] = name;
    }
    *out = list;
    return SLU_OK;
}

static slu_status
column_find(const char *what, const char *column, const fluss_schema *schema, int32_t *out, slu_error *err)
{
    *out = fluss_schema_find(schema, column);
    return *out >= 0 ? SLU_OK : slu_error_set(err, SLU_INVALID, "%s: there is no column %s", what, column);
}

slu_status
cli_primary_key_set(const char *what, const char *const *names, size_t count, slu_arena *arena, fluss_schema *schema,
                    slu_error *err)
{
    int32_t *positions = slu_arena_array(arena, count, sizeof *positions);
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < count; i++)
        SLU_TRY(column_find(what, names[i], schema, &positions[i], err));
    schema->primary_key = positions;
    schema->primary_key_count = count;
    return SLU_OK;
}

slu_status
cli_aggregate_set(const char *what, const char *column, const char *function, slu_arena *arena, fluss_schema *schema,
                  slu_error *err)
{
    fluss_agg_function found;
    int32_t at;
    char *name = slu_arena_strdup(arena, function);
    SLU_TRY(slu_arena_status(arena, err));
    SLU_TRY(column_find(what, column, schema, &at, err));
    char *delimiter = strchr(name, ':');
    if (delimiter != NULL)
        *delimiter++ = 0;
    if (!fluss_aggregate_find(name, &found))
        return slu_error_set(err, SLU_INVALID,
                             "%s: there is no function %s; there are sum, product, max, min, last_value, "
                             "last_value_ignore_nulls, first_value, first_value_ignore_nulls, listagg, string_agg, bool_and, "
                             "bool_or, rbm32 and rbm64",
                             what, name);
    if (delimiter != NULL && strpbrk(delimiter, "\"\\") != NULL)
        return slu_error_set(err, SLU_INVALID, "%s: a delimiter with a quote or a backslash", what);
    schema->columns[at].agg_function = delimiter == NULL
                                           ? slu_arena_printf(arena, "{\"type\":\"%s\"}", fluss_aggregate_name(found))
                                           : slu_arena_printf(arena, "{\"type\":\"%s\",\"parameters\":{\"delimiter\":\"%s\"}}",
                                                              fluss_aggregate_name(found), delimiter);
    return slu_arena_status(arena, err);
}

slu_status
cli_auto_increment_set(const char *what, const char *column, fluss_schema *schema, slu_error *err)
{
    int32_t at;
    if (column != NULL)
        SLU_TRY(column_find(what, column, schema, &at, err));
    schema->auto_increment_column = column;
    return SLU_OK;
}

slu_status
cli_property_add(const char *key, const char *value, slu_arena *arena, fluss_descriptor *out, slu_error *err)
{
    if (strncmp(key, "table.", 6) == 0)
        return fluss_descriptor_set(out, arena, key, value, err);
    fluss_property *grown = slu_arena_array(arena, out->custom_property_count + 1, sizeof *grown);
    SLU_TRY(slu_arena_status(arena, err));
    if (out->custom_property_count > 0)
        memcpy(grown, out->custom_properties, out->custom_property_count * sizeof *grown);
    grown[out->custom_property_count++] = (fluss_property){key, value};
    out->custom_properties = grown;
    return SLU_OK;
}
