#include "options.h"

#include "base/suggest.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* ---- Scalars ----------------------------------------------------------------------------------------------------------------- */

typedef struct unit {
    const char *name;
    int64_t factor;
} unit;

static const unit duration_units[] = {{"ms", 1},      {"s", 1000},     {"m", 60000}, {"min", 60000},
                                      {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
static const unit byte_units[] = {{"b", 1},
                                  {"kb", 1000},
                                  {"mb", 1000000},
                                  {"gb", 1000000000},
                                  {"kib", (int64_t)1 << 10},
                                  {"mib", (int64_t)1 << 20},
                                  {"gib", (int64_t)1 << 30},
                                  {NULL, 0}};

static slu_status
with_unit_parse(const char *text, const unit *units, const char *wanted, int64_t *out, slu_error *err)
{
    char *end = NULL;
    errno = 0;
    const long long number = strtoll(text, &end, 10);
    if (end == text || isspace((unsigned char)text[0]) || errno == ERANGE)
        return slu_error_set(err, SLU_INVALID, "\"%s\" is not %s", text, wanted);
    while (*end == ' ')
        end++;
    if (*end == 0)
        return slu_error_set(err, SLU_INVALID, "\"%s\" has no unit: write %s", text, wanted);
    for (const unit *u = units; u->name != NULL; u++)
        if (strcasecmp(end, u->name) == 0)
            return __builtin_mul_overflow((int64_t)number, u->factor, out)
                       ? slu_error_set(err, SLU_INVALID, "\"%s\" is too large", text)
                       : SLU_OK;
    return slu_error_set(err, SLU_INVALID, "\"%s\" has an unknown unit \"%s\": write %s", text, end, wanted);
}

slu_status
slu_duration_parse(const char *text, int64_t *out_ms, slu_error *err)
{
    return with_unit_parse(text, duration_units, "a duration with a unit (ms, s, m, h or d), such as 10s", out_ms, err);
}

slu_status
slu_bytes_parse(const char *text, int64_t *out_bytes, slu_error *err)
{
    return with_unit_parse(text, byte_units, "a size with a unit (b, kb, mb, gb, kib, mib or gib), such as 64mib", out_bytes, err);
}

slu_status
slu_i64_parse(const char *text, int64_t *out, slu_error *err)
{
    char *end = NULL;
    errno = 0;
    const long long number = strtoll(text, &end, 10);
    if (end == text || *end != 0 || isspace((unsigned char)text[0]))
        return slu_error_set(err, SLU_INVALID, "\"%s\" is not a whole number", text);
    if (errno == ERANGE)
        return slu_error_set(err, SLU_INVALID, "\"%s\" does not fit 64 bits", text);
    *out = number;
    return SLU_OK;
}

slu_status
slu_bool_parse(const char *text, uint32_t *out, slu_error *err)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    for (uint32_t i = 0; i < 6; i++)
        if (strcasecmp(text, words[i]) == 0) {
            *out = i & 1;
            return SLU_OK;
        }
    return slu_error_set(err, SLU_INVALID, "\"%s\" is neither true nor false", text);
}

static slu_status
f64_parse(const char *text, double *out, slu_error *err)
{
    char *end = NULL;
    const double number = strtod(text, &end);
    if (end == text || *end != 0 || !isfinite(number))
        return slu_error_set(err, SLU_INVALID, "\"%s\" is not a number", text);
    *out = number;
    return SLU_OK;
}

const char *
slu_origin_name(uint32_t origin)
{
    static const char *const names[] = {"default", "file", "environment", "command line", "settings file"};
    return origin <= SLU_ORIGIN_SETTINGS_FILE ? names[origin] : "?";
}

/* ---- Where a value comes from ------------------------------------------------------------------------------------------------ */

typedef struct found {
    const slu_value *value; /* NULL: not from the descriptor's `with` */
    const char *text;       /* NULL: not a scalar, or unset */
    const slu_param *param; /* NULL: not from a parameter */
    uint32_t origin;
} found;

const slu_param *
slu_params_find(slu_params params, const char *name)
{
    for (uint32_t i = 0; i < params.count; i++)
        if (params.items[i].text != NULL && strcmp(params.items[i].name, name) == 0)
            return &params.items[i];
    return NULL;
}

static found
option_find(const slu_option *option, const slu_value *with, slu_params params)
{
    found f = {slu_value_get(with, option->name), NULL, NULL, SLU_ORIGIN_DEFAULT};
    if (f.value != NULL && f.value->kind != SLU_VALUE_NULL) {
        f.text = f.value->kind == SLU_VALUE_SCALAR ? f.value->text : NULL;
        f.origin = SLU_ORIGIN_FILE;
        return f;
    }
    f.value = NULL;
    f.param = option->param == NULL ? NULL : slu_params_find(params, option->param);
    if (f.param != NULL) {
        f.text = f.param->text;
        f.origin = f.param->origin;
    } else {
        f.text = option->text_default;
    }
    return f;
}

const char *
slu_option_text(const slu_option *option, const slu_value *with, slu_params params, uint32_t *out_origin)
{
    const found f = option_find(option, with, params);
    *out_origin = f.origin;
    return f.text != NULL && (option->flags & SLU_OPTION_SECRET) != 0 ? "***" : f.text;
}

/* Puts the option's name before the message and the value's position into it. */
static slu_status
option_fail(const slu_option *option, const found *f, const slu_value *with, slu_status status, slu_error *err)
{
    if (err == NULL)
        return status;
    if (f->param != NULL)
        slu_error_in(err, status, "option %s (parameter %s, %s)", option->name, f->param->name, slu_origin_name(f->param->origin));
    else
        slu_error_in(err, status, "option %s", option->name);
    if (f->value != NULL) {
        err->line = f->value->line;
        err->column = f->value->column;
    } else if (f->param != NULL && f->param->origin == SLU_ORIGIN_FILE) {
        err->line = f->param->line;
        err->column = f->param->column;
    } else if (f->param == NULL && with != NULL) {
        err->line = with->line;
        err->column = with->column;
    }
    return status;
}

/* ---- Composite values -------------------------------------------------------------------------------------------------------- */

static slu_value
scalar_of(const char *text)
{
    const slu_value value = {.size = sizeof value, .kind = SLU_VALUE_SCALAR, .text = text};
    return value;
}

/* "a, b,c" from a parameter or a default becomes a list. */
static slu_status
list_from_text(const char *text, slu_arena *arena, const slu_value **out, slu_error *err)
{
    uint32_t count = 1;
    for (const char *at = text; *at != 0; at++)
        count += *at == ',';
    slu_value *list = slu_arena_alloc(arena, sizeof *list);
    slu_value *items = slu_arena_array(arena, count, sizeof *items);
    if (list == NULL || items == NULL)
        return slu_arena_status(arena, err);
    uint32_t used = 0;
    for (const char *at = text; *at != 0;) {
        while (*at == ' ')
            at++;
        size_t bytes = strcspn(at, ",");
        const char *next = at[bytes] == ',' ? at + bytes + 1 : at + bytes;
        while (bytes > 0 && at[bytes - 1] == ' ')
            bytes--;
        items[used++] = scalar_of(slu_arena_strndup(arena, at, bytes));
        at = next;
    }
    *list = (slu_value){.size = sizeof *list, .kind = SLU_VALUE_LIST, .count = used, .items = items};
    *out = list;
    return slu_arena_status(arena, err);
}

static bool
prefix_matches(const char *pattern, const char *name)
{
    const size_t bytes = strlen(pattern);
    return bytes > 1 && pattern[bytes - 1] == '*' && strncmp(pattern, name, bytes - 1) == 0 && strcmp(pattern, name) != 0;
}

/* Every parameter under the prefix of "a.b.*", by the rest of its name. */
static slu_status
map_from_params(const char *pattern, slu_params params, slu_arena *arena, const slu_value **out, slu_error *err)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < params.count; i++)
        count += params.items[i].text != NULL && prefix_matches(pattern, params.items[i].name);
    if (count == 0) {
        *out = NULL;
        return SLU_OK;
    }
    slu_value *map = slu_arena_alloc(arena, sizeof *map);
    slu_value *keys = slu_arena_array(arena, count, sizeof *keys);
    slu_value *items = slu_arena_array(arena, count, sizeof *items);
    if (map == NULL || keys == NULL || items == NULL)
        return slu_arena_status(arena, err);
    uint32_t used = 0;
    for (uint32_t i = 0; i < params.count; i++) {
        const slu_param *param = &params.items[i];
        if (param->text == NULL || !prefix_matches(pattern, param->name))
            continue;
        keys[used] = scalar_of(param->name + strlen(pattern) - 1);
        items[used++] = scalar_of(param->text);
    }
    *map = (slu_value){.size = sizeof *map, .kind = SLU_VALUE_MAP, .count = used, .keys = keys, .items = items};
    *out = map;
    return SLU_OK;
}

static slu_status
scalars_only(const slu_value *value, const char *what, slu_error *err)
{
    for (uint32_t i = 0; i < value->count; i++)
        if (value->items[i].kind != SLU_VALUE_SCALAR)
            return slu_error_set(err, SLU_INVALID, "every item of this %s is one word or number", what);
    return SLU_OK;
}

static slu_status
composite_parse(const slu_option *option, const found *f, slu_params params, slu_arena *arena, const slu_value **out,
                slu_error *err)
{
    const slu_value *value = f->value;
    if (option->type == SLU_OPTION_LIST) {
        if (value == NULL)
            return f->text == NULL ? SLU_OK : list_from_text(f->text, arena, out, err);
        if (value->kind != SLU_VALUE_LIST)
            return slu_error_set(err, SLU_INVALID, "a list is wanted here, such as [a, b]");
        *out = value;
        return scalars_only(value, "list", err);
    }
    if (option->type == SLU_OPTION_MAP) {
        if (value == NULL)
            return option->param == NULL ? SLU_OK : map_from_params(option->param, params, arena, out, err);
        if (value->kind != SLU_VALUE_MAP)
            return slu_error_set(err, SLU_INVALID, "a map is wanted here, such as { a: b }");
        *out = value;
        return scalars_only(value, "map", err);
    }
    if (value == NULL && f->text != NULL) {
        slu_value *scalar = slu_arena_alloc(arena, sizeof *scalar);
        if (scalar == NULL)
            return slu_arena_status(arena, err);
        *scalar = scalar_of(f->text);
        value = scalar;
    }
    *out = value;
    return SLU_OK;
}

/* ---- One option -------------------------------------------------------------------------------------------------------------- */

static slu_status
bounds_check(const slu_option *option, int64_t value, const char *text, slu_error *err)
{
    if (option->min == 0 && option->max == 0)
        return SLU_OK;
    if (value >= option->min && value <= option->max)
        return SLU_OK;
    const char *unit_name = option->type == SLU_OPTION_DURATION ? " ms" : option->type == SLU_OPTION_BYTES ? " bytes" : "";
    return slu_error_set(err, SLU_INVALID, "%s is not between %lld and %lld%s", text, (long long)option->min,
                         (long long)option->max, unit_name);
}

static slu_status
i64_option_parse(const slu_option *option, const char *text, int64_t *out, slu_error *err)
{
    int64_t value = 0;
    if (text != NULL) {
        if (option->type == SLU_OPTION_I64)
            SLU_TRY(slu_i64_parse(text, &value, err));
        else if (option->type == SLU_OPTION_DURATION)
            SLU_TRY(slu_duration_parse(text, &value, err));
        else
            SLU_TRY(slu_bytes_parse(text, &value, err));
        SLU_TRY(bounds_check(option, value, text, err));
    }
    *out = value;
    return SLU_OK;
}

#define CHOICES_MAX 32

static slu_status
choice_check(const slu_option *option, const char *text, slu_error *err)
{
    char words[512];
    const char *names[CHOICES_MAX];
    size_t count = 0;
    (void)snprintf(words, sizeof words, "%s", option->choices == NULL ? "" : option->choices);
    for (char *save = NULL, *word = strtok_r(words, "|", &save); word != NULL && count < CHOICES_MAX;
         word = strtok_r(NULL, "|", &save)) {
        if (strcmp(word, text) == 0)
            return SLU_OK;
        names[count++] = word;
    }
    const char *near = slu_suggest(text, names, count);
    if (near != NULL)
        return slu_error_set(err, SLU_INVALID, "\"%s\" is not one of %s: did you mean %s?", text, option->choices, near);
    return slu_error_set(err, SLU_INVALID, "\"%s\" is not one of %s", text, option->choices);
}

static slu_status
scalar_store(const slu_option *option, const char *text, void *field, slu_error *err)
{
    switch (option->type) {
    case SLU_OPTION_CHOICE:
        if (text != NULL)
            SLU_TRY(choice_check(option, text, err));
        *(const char **)field = text;
        return SLU_OK;
    case SLU_OPTION_STRING: *(const char **)field = text; return SLU_OK;
    case SLU_OPTION_F64: return text == NULL ? SLU_OK : f64_parse(text, field, err);
    case SLU_OPTION_BOOL: return text == NULL ? SLU_OK : slu_bool_parse(text, field, err);
    default: return i64_option_parse(option, text, field, err);
    }
}

static slu_status
option_store(const slu_option *option, const found *f, slu_params params, slu_arena *arena, uint8_t *data, slu_error *err)
{
    void *field = data + option->offset;
    if (option->type == SLU_OPTION_LIST || option->type == SLU_OPTION_MAP || option->type == SLU_OPTION_VALUE) {
        const slu_value *value = NULL;
        SLU_TRY(composite_parse(option, f, params, arena, &value, err));
        *(const slu_value **)field = value;
        if (value == NULL && (option->flags & SLU_OPTION_REQUIRED) != 0)
            return slu_error_set(err, SLU_INVALID, "is required (%s)", option->help);
        return SLU_OK;
    }
    if (f->value != NULL && f->text == NULL)
        return slu_error_set(err, SLU_INVALID, "one value is wanted here, not a %s",
                             f->value->kind == SLU_VALUE_LIST ? "list" : "map");
    if (f->text == NULL && (option->flags & SLU_OPTION_REQUIRED) != 0)
        return slu_error_set(err, SLU_INVALID, "is required (%s)", option->help);
    return scalar_store(option, f->text, field, err);
}

/* ---- The table --------------------------------------------------------------------------------------------------------------- */

#define NAMES_MAX 256

static slu_status
unknown_name(const slu_plugin *plugin, const slu_value *key, slu_error *err)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (uint32_t i = 0; i < plugin->option_count && count < NAMES_MAX; i++)
        names[count++] = plugin->options[i].name;
    const char *near = slu_suggest(key->text, names, count);
    if (near != NULL)
        return slu_error_at(err, SLU_INVALID, key, 0, "%s has no option %s: did you mean %s?", plugin->name, key->text, near);
    if (plugin->kind == 0)
        return slu_error_at(err, SLU_INVALID, key, 0, "%s has no option %s", plugin->name, key->text);
    return slu_error_at(err, SLU_INVALID, key, 0, "%s has no option %s: see `sluice plugins show %s`", plugin->name, key->text,
                        plugin->name);
}

static slu_status
names_check(const slu_plugin *plugin, const slu_value *with, slu_error *err)
{
    const bool nested = plugin->kind == SLU_KIND_LOOKUP || plugin->kind == SLU_KIND_STORE;
    if (with == NULL || with->kind == SLU_VALUE_NULL)
        return SLU_OK;
    if (with->kind != SLU_VALUE_MAP)
        return slu_error_at(err, SLU_INVALID, with, 0, "the options of %s are a map, such as { name: value }", plugin->name);
    for (uint32_t i = 0; i < with->count; i++) {
        const slu_value *key = &with->keys[i];
        bool known = nested && strcmp(key->text, "use") == 0;
        for (uint32_t k = 0; k < plugin->option_count && !known; k++)
            known = strcmp(plugin->options[k].name, key->text) == 0;
        if (!known)
            return unknown_name(plugin, key, err);
    }
    return SLU_OK;
}

slu_status
slu_options_parse(const slu_plugin *plugin, const slu_value *with, slu_params params, slu_arena *arena, const void **out,
                  slu_error *err)
{
    SLU_TRY(names_check(plugin, with, err));
    uint8_t *data = slu_arena_alloc(arena, plugin->options_bytes);
    if (data == NULL)
        return slu_arena_status(arena, err);
    for (uint32_t i = 0; i < plugin->option_count; i++) {
        const slu_option *option = &plugin->options[i];
        const found f = option_find(option, with, params);
        const slu_status status = option_store(option, &f, params, arena, data, err);
        if (status != SLU_OK)
            return option_fail(option, &f, with, status, err);
    }
    *out = data;
    return SLU_OK;
}
